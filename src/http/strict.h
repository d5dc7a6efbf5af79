// Our own rules over a whole head, beyond what llhttp checks: it may be lenient, or older than the fix of a
// hole. The clean place for every further rule of RFC 9110 and 9112.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/head.h>

namespace sluice::http {

/// An Error of code malformed with the status that answers it (400, 501, 505).
Result<void> check_request(const RequestHead& head);
/// An Error of code malformed and origin upstream.
Result<void> check_response(const ResponseHead& head);

}  // namespace sluice::http
