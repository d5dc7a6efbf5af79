// HTTP/2's pseudo-fields and fields in, a head out: the same that HTTP/1's decoder makes of the same message.
#pragma once

#include <sluice/base/result.h>
#include <sluice/http/field_list.h>
#include <sluice/http/head.h>
#include <sluice/http/head_decoder.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::http {

/// Makes one head at a time, by the rules of RFC 9113 8.2 and 8.3; pure. Errors are those of HeadDecoder. A
/// field that cannot be passed on makes its message malformed, as in HTTP/1: nothing is repaired. The Host is
/// what :authority says (8.3.1), and what comes of a cookie in several fields (8.2.3) is one field.
class HeadBuilder {
 public:
  HeadBuilder(HeadDecoder::Of of, HeadLimits limits) : limits_(limits), of_(of) {}

  /// The message's next field, in the order in which they came. After an Error only clear() is allowed.
  Result<void> add(std::string_view name, std::string_view value);
  /// All fields have come. `ends_stream`: no body follows. The builder is ready for the next head then.
  Result<void> finish(RequestHead& head, bool ends_stream);
  /// `to_head_request`: as in HeadDecoder::decode().
  Result<void> finish(ResponseHead& head, bool ends_stream, bool to_head_request);
  /// ... of a trailer section: those that may be passed on.
  Result<void> finish(FieldList& trailers);
  void clear();

 private:
  Result<void> add_pseudo(std::string_view name, std::string_view value);
  Result<void> take(std::string& part, std::string_view value);
  Result<void> count(std::string_view name, std::string_view value);
  Result<void> add_host(std::string_view value);
  Result<void> check_request_parts() const;
  void write_fields(Head& head);
  Error too_large(std::string message, int status) const;
  Error malformed(std::string message, int status = 400) const;

  HeadLimits limits_;
  HeadDecoder::Of of_;
  std::string method_;
  std::string scheme_;
  std::string authority_;
  std::string path_;
  std::string status_;
  std::string cookie_;
  FieldList fields_;
  size_t bytes_ = 0;         // of names and values
  size_t count_ = 0;         // of fields; a cookie is one
  bool has_host_ = false;    // a field
  bool has_cookie_ = false;  // cookie_ is set
};

}  // namespace sluice::http
