#include <sluice/base/text.h>
#include <sluice/http/head_builder.h>

#include <algorithm>
#include <array>
#include <utility>

#include "http/framing.h"
#include "http/raw_fields.h"
#include "http/strict.h"

namespace sluice::http {
namespace {

constexpr size_t kLongestToken = 64;  // of a method, as in HTTP/1
constexpr std::string_view kCookieField = "cookie";

/// They belong to an HTTP/1 connection (RFC 9113 8.2.2).
bool is_of_connection(FieldName name) {
  switch (name) {
    case FieldName::connection:
    case FieldName::keep_alive:
    case FieldName::proxy_connection:
    case FieldName::transfer_encoding:
    case FieldName::upgrade:
      return true;
    default:
      return false;
  }
}

bool has_upper_case(std::string_view name) {
  return std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_status(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 3 && text.front() != '0' && std::ranges::all_of(text, is_digit);
}

/// What comes of a body without a length is known from the stream alone.
Result<Framing> framing_of(Framing declared, bool ends_stream) {
  const bool has_length = declared.kind == Framing::Kind::length;
  if (!ends_stream) return has_length ? declared : Framing{.kind = Framing::Kind::stream_end};
  if (has_length && declared.length != 0) {
    return Error{.code = ErrorCode::malformed, .message = "a body that is shorter than its Content-Length"};
  }
  return has_length ? declared : Framing{};
}

}  // namespace

Error HeadBuilder::malformed(std::string message, int status) const {
  const bool is_request = of_ == HeadDecoder::Of::request;
  return {.code = ErrorCode::malformed,
          .message = std::move(message),
          .origin = is_request ? Origin::downstream : Origin::upstream,
          .status = is_request ? status : 502};
}

/// As long as the head would be in HTTP/1.
Result<void> HeadBuilder::count(std::string_view name, std::string_view value) {
  constexpr std::string_view kBetween = ": \r\n";
  bytes_ += name.size() + value.size() + kBetween.size();
  Error error = malformed("the head is over the limit", 431);
  error.code = ErrorCode::too_large;
  if (bytes_ > limits_.bytes) return error;
  if (!name.starts_with(':') && ++count_ > limits_.fields) {
    error.message = "too many header fields";
    return error;
  }
  return {};
}

Result<void> HeadBuilder::add(std::string_view name, std::string_view value) {
  if (auto counted = count(name, value); !counted) return counted;
  if (!is_field_value(value)) return malformed("a control character in the head");
  if (value != trim(value)) return malformed("white space around a field's value");
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (!is_token(name) || has_upper_case(name))
    return malformed("a field name that is no token in lower case");
  const FieldName known = field_name(name);
  if (is_of_connection(known)) return malformed("a field of an HTTP/1 connection");
  if (known == FieldName::te && !equals_ignoring_case(value, "trailers")) {
    return malformed("a TE other than trailers");
  }
  if (name != kCookieField || of_ == HeadDecoder::Of::response) {
    fields_.add(name, value);
    return {};
  }
  if (!cookie_.empty()) cookie_ += "; ";
  cookie_ += value;
  return {};
}

Result<void> HeadBuilder::take(std::string& part, std::string_view value) {
  if (!part.empty() || value.empty()) return malformed("a pseudo-field twice, or empty");
  part = value;
  return {};
}

Result<void> HeadBuilder::add_pseudo(std::string_view name, std::string_view value) {
  if (!fields_.empty() || !cookie_.empty()) return malformed("a pseudo-field behind a field");
  if (of_ == HeadDecoder::Of::response) {
    if (name == ":status") return take(status_, value);
  } else {
    if (name == ":method") return take(method_, value);
    if (name == ":scheme") return take(scheme_, value);
    if (name == ":authority") return take(authority_, value);
    if (name == ":path") return take(path_, value);
  }
  return malformed("an unknown pseudo-field");
}

Result<void> HeadBuilder::check_request_parts() const {
  if (method_.empty() || !is_token(method_)) return malformed("a method that is no token");
  if (method_.size() > kLongestToken || method_ == "CONNECT") {
    return malformed(concat({"the method ", method_.substr(0, kLongestToken), " is not offered here"}), 501);
  }
  if (scheme_ != "http" && scheme_ != "https") return malformed("a scheme other than http and https");
  if (path_.size() > limits_.target_bytes) return malformed("the request target is over the limit", 414);
  if (!path_.starts_with('/') && path_ != "*") return malformed("a request target that is no path");
  if (fields_.count(FieldName::host) > 1) return malformed("more than one Host");
  const auto host = fields_.find(FieldName::host);
  if (!authority_.empty() && fields_.has(FieldName::host) && !equals_ignoring_case(host, authority_)) {
    return malformed("a Host that differs from the authority");
  }
  return {};
}

/// All fields behind the first line, which is there already; then the empty line.
void HeadBuilder::write_fields(Head& head) {
  if (!cookie_.empty()) fields_.add("cookie", cookie_);
  const auto begin = static_cast<uint32_t>(head.bytes_.size());
  head.bytes_.append(fields_.lines()).append("\r\n");
  head.fields_ = fields_.fields();
  for (Field& field : head.fields_) {
    FieldPlace& place = RawFields::place(field);
    place.begin += begin;
    place.value_begin += begin;
    place.end += begin;
  }
  head.present_ = fields_.present_;
  head.protocol = Protocol::http2;
  head.keep_alive = true;
}

Result<void> HeadBuilder::finish(RequestHead& head, bool ends_stream) {
  if (auto checked = check_request_parts(); !checked) return checked;
  head.clear();
  head.bytes_ = concat({method_, " ", path_, " HTTP/2.0\r\n"});
  head.method_size_ = static_cast<uint32_t>(method_.size());
  head.target_begin_ = head.method_size_ + 1;
  head.target_size_ = static_cast<uint32_t>(path_.size());
  head.scheme_ = scheme_ == "https" ? RequestHead::Scheme::https : RequestHead::Scheme::http;
  if (!authority_.empty() && !fields_.has(FieldName::host)) {
    FieldList behind_host{{"host", authority_}};
    behind_host.add(fields_);
    fields_ = std::move(behind_host);
  }
  write_fields(head);
  if (auto checked = check_request_semantics(head); !checked) return checked;
  auto declared = request_framing(head);
  if (!declared) return std::move(declared).error();
  auto framing = framing_of(*declared, ends_stream);
  if (!framing) return malformed(framing.error().message);
  head.framing = *framing;
  head.expects_continue = head.has(FieldName::expect);
  clear();
  return {};
}

Result<void> HeadBuilder::finish(ResponseHead& head, bool ends_stream, bool to_head_request) {
  if (!is_status(status_)) return malformed("a status that is no number of three digits");
  head.clear();
  head.bytes_ = concat({"HTTP/2.0 ", status_, " \r\n"});
  head.status = static_cast<int>(*parse_unsigned(status_));
  write_fields(head);
  auto framing = response_framing(head, to_head_request);
  if (!framing) return std::move(framing).error();
  const bool is_bodiless = framing->kind == Framing::Kind::none;
  if (!is_bodiless) framing = framing_of(*framing, ends_stream);
  if (!framing) return malformed(framing.error().message);
  head.framing = *framing;
  clear();
  return {};
}

void HeadBuilder::clear() {
  for (std::string* part : {&method_, &scheme_, &authority_, &path_, &status_, &cookie_}) part->clear();
  fields_.clear();
  bytes_ = count_ = 0;
}

}  // namespace sluice::http
