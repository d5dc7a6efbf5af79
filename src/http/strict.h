// Our own rules over a whole head, beyond what llhttp checks: it may be lenient, or older than the fix of a
// hole. The clean place for every further rule of RFC 9110 and 9112.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/head.h>

#include <cstdint>
#include <string_view>

namespace sluice::http {

/// RFC 9110 5.6.2; the empty text is none.
bool is_token(std::string_view text);

/// The fields of a trailer section that may be passed on, their lines as they came: each is checked as a
/// field line is, and those that frame, route or secure a message are left out (RFC 9110 6.5.1).
Result<FieldList> clean_trailers(std::string_view lines);

/// As a start line says it.
struct Http1Version {
  uint8_t major = 1;
  uint8_t minor = 1;
};

/// An Error of code malformed with the status that answers it (400, 417, 501, 505).
Result<void> check_request(const RequestHead& head, Http1Version version);
/// An Error of code malformed and origin upstream.
Result<void> check_response(const ResponseHead& head, Http1Version version);

/// What has to hold for a request of any protocol: its target, Host, Connection and Expect, and TRACE.
Result<void> check_request_semantics(const RequestHead& head);
/// No CR, LF or NUL, and no other control character but the tab (RFC 9110 5.5).
bool is_field_value(std::string_view text);

}  // namespace sluice::http
