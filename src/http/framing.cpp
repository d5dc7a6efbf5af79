#include "http/framing.h"

#include <optional>

namespace sluice::http {
namespace {

Error ambiguous(std::string message) {
  return {.code = ErrorCode::malformed,
          .message = std::move(message),
          .origin = Origin::downstream,
          .status = 400};
}

/// What the fields that frame a message say.
struct Declared {
  bool chunked = false;
  std::optional<uint64_t> length;
};

/// The same rules for requests and responses: stricter than RFC 9112 6.3, which lets a proxy repair some of
/// these.
Result<Declared> declared(const Head& head) {
  Declared result;
  if (!head.has(FieldName::transfer_encoding) && !head.has(FieldName::content_length)) return result;
  bool coded = false;
  for (const Field& field : head.fields()) {
    const auto value = head.value(field);
    if (field.name == FieldName::transfer_encoding) {
      if (coded) return ambiguous("more than one Transfer-Encoding");
      coded = true;
      if (!equals_ignoring_case(value, "chunked")) return ambiguous("a Transfer-Encoding other than chunked");
      result.chunked = true;
    } else if (field.name == FieldName::content_length) {
      if (result.length) return ambiguous("more than one Content-Length");
      result.length = parse_unsigned(value);
      if (!result.length) return ambiguous("a Content-Length that is no plain number");
    }
  }
  if (result.chunked && result.length) return ambiguous("both Content-Length and Transfer-Encoding");
  if (result.chunked && head.protocol == Protocol::http1_0)
    return ambiguous("Transfer-Encoding in an HTTP/1.0 message");
  return result;
}

}  // namespace

Result<Framing> request_framing(const RequestHead& head) {
  auto fields = declared(head);
  if (!fields) return std::move(fields).error();
  if (fields->chunked) return Framing{.kind = Framing::Kind::chunked};
  if (fields->length) return Framing{.kind = Framing::Kind::length, .length = *fields->length};
  return Framing{};
}

Result<Framing> response_framing(const ResponseHead& head, bool to_head_request) {
  auto fields = declared(head);
  if (!fields) {
    Error error = std::move(fields).error();
    error.origin = Origin::upstream;
    error.status = 502;
    return error;
  }
  if (to_head_request || head.is_interim() || head.status == 204 || head.status == 304) return Framing{};
  if (fields->chunked) return Framing{.kind = Framing::Kind::chunked};
  if (fields->length) return Framing{.kind = Framing::Kind::length, .length = *fields->length};
  return Framing{.kind = Framing::Kind::until_close};
}

ConnectionOptions connection_options(const Head& head) {
  ConnectionOptions options{.keep_alive = head.protocol != Protocol::http1_0};
  if (!head.has(FieldName::connection)) return options;
  bool close = false;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::connection) continue;
    for_each_element(head.value(field), [&](std::string_view option) {
      if (equals_ignoring_case(option, "close")) {
        close = true;
      } else if (equals_ignoring_case(option, "keep-alive")) {
        options.keep_alive = true;
      } else {
        options.names_fields = true;
      }
    });
  }
  options.keep_alive = options.keep_alive && !close;
  return options;
}

}  // namespace sluice::http
