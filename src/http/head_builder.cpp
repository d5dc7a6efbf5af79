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

/// A port that the scheme has anyway says nothing (RFC 9110 4.2.3).
std::string_view without_default_port(std::string_view authority, std::string_view scheme) {
  for (const std::string_view port :
       {std::string_view(scheme == "https" ? ":443" : ":80"), std::string_view(":")}) {
    if (authority.ends_with(port)) return authority.substr(0, authority.size() - port.size());
  }
  return authority;
}

/// What comes of a body without a length is known from the stream alone. `none`: what a message is that ends
/// with its head.
Result<Framing> framing_of(Framing declared, bool ends_stream, Framing none) {
  const bool has_length = declared.kind == Framing::Kind::length;
  if (!ends_stream) return has_length ? declared : Framing{.kind = Framing::Kind::stream_end};
  if (has_length && declared.length != 0) {
    return Error{.code = ErrorCode::malformed, .message = "a body that is shorter than its Content-Length"};
  }
  return has_length ? declared : none;
}

}  // namespace

Error HeadBuilder::malformed(std::string message, int status) const {
  const bool is_request = of_ == HeadDecoder::Of::request;
  return {.code = ErrorCode::malformed,
          .message = std::move(message),
          .origin = is_request ? Origin::downstream : Origin::upstream,
          .status = is_request ? status : 502};
}

Error HeadBuilder::too_large(std::string message, int status) const {
  Error error = malformed(std::move(message), status);
  error.code = ErrorCode::too_large;
  return error;
}

/// Each as long as it would be in HTTP/1.
Result<void> HeadBuilder::count(std::string_view name, std::string_view value) {
  constexpr std::string_view kBetween = ": \r\n";
  bytes_ += name.size() + value.size() + kBetween.size();
  if (bytes_ > limits_.bytes) return too_large("the head is over the limit", 431);
  if (name.starts_with(':') || (has_cookie_ && name == kCookieField)) return {};
  if (++count_ > limits_.fields) return too_large("too many header fields", 431);
  return {};
}

Result<void> HeadBuilder::add(std::string_view name, std::string_view value) {
  if (name == ":path" && value.size() > limits_.target_bytes && of_ == HeadDecoder::Of::request) {
    return too_large("the request target is over the limit", 414);
  }
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
  if (of_ == HeadDecoder::Of::request) {
    if (known == FieldName::host) return add_host(value);
    if (name == kCookieField) {
      if (has_cookie_) cookie_ += "; ";
      has_cookie_ = true;
      cookie_ += value;
      return {};
    }
  }
  fields_.add(name, value);
  return {};
}

/// The authority says it already, if there is one (RFC 9113 8.3.1).
Result<void> HeadBuilder::add_host(std::string_view value) {
  if (std::exchange(has_host_, true)) return malformed("more than one Host");
  if (authority_.empty()) {
    fields_.add("host", value);
    return {};
  }
  const bool is_same =
      equals_ignoring_case(without_default_port(value, scheme_), without_default_port(authority_, scheme_));
  if (!is_same) return malformed("a Host that differs from the authority");
  return {};
}

Result<void> HeadBuilder::take(std::string& part, std::string_view value) {
  if (!part.empty() || value.empty()) return malformed("a pseudo-field twice, or empty");
  part = value;
  return {};
}

Result<void> HeadBuilder::add_pseudo(std::string_view name, std::string_view value) {
  if (count_ != 0) return malformed("a pseudo-field behind a field");
  if (of_ == HeadDecoder::Of::response) {
    if (name == ":status") return take(status_, value);
  } else {
    if (name == ":method") return take(method_, value);
    if (name == ":scheme") return take(scheme_, value);
    if (name == ":authority") {
      auto taken = take(authority_, value);
      if (taken) fields_.add("host", authority_);  // Before all others, as clients of HTTP/1 send it.
      return taken;
    }
    if (name == ":path") return take(path_, value);
  }
  return malformed("an unknown pseudo-field");
}

Result<void> HeadBuilder::check_request_parts() const {
  if (method_.empty() || !is_token(method_)) return malformed("a method that is no token");
  if (method_.size() > kLongestToken || method_ == "CONNECT") {
    Error error =
        malformed(concat({"the method ", method_.substr(0, kLongestToken), " is not offered here"}), 501);
    error.code = ErrorCode::unsupported;
    return error;
  }
  if (scheme_ != "http" && scheme_ != "https") return malformed("a scheme other than http and https");
  if (!path_.starts_with('/') && path_ != "*") return malformed("a request target that is no path");
  if (fields_.find(FieldName::host).empty()) return malformed("no authority");
  return {};
}

/// All fields behind the first line, which is there already; then the empty line.
void HeadBuilder::write_fields(Head& head) {
  if (has_cookie_) fields_.add(kCookieField, cookie_);
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
  head.clear();
  if (auto checked = check_request_parts(); !checked) return checked;
  head.bytes_.append(method_).append(" ").append(path_).append(" HTTP/2.0\r\n");
  head.method_size_ = static_cast<uint32_t>(method_.size());
  head.target_begin_ = head.method_size_ + 1;
  head.target_size_ = static_cast<uint32_t>(path_.size());
  head.scheme_ = scheme_ == "https" ? RequestHead::Scheme::https : RequestHead::Scheme::http;
  write_fields(head);
  if (auto checked = check_request_semantics(head); !checked) return checked;
  auto declared = request_framing(head);
  if (!declared) return std::move(declared).error();
  auto framing = framing_of(*declared, ends_stream, {});
  if (!framing) return malformed(framing.error().message);
  if (method_ == "TRACE" && !ends_stream) return malformed("a TRACE with a body");
  head.framing = *framing;
  head.expects_continue = head.has(FieldName::expect);
  clear();
  return {};
}

Result<void> HeadBuilder::finish(ResponseHead& head, bool ends_stream, bool to_head_request) {
  head.clear();
  if (!is_status(status_)) return malformed("a status that is no number of three digits");
  if (status_ == "101") return malformed("a change of protocols");  // RFC 9113 8.6.
  head.bytes_.append("HTTP/2.0 ").append(status_).append(" \r\n");
  head.status = static_cast<int>(*parse_unsigned(status_));
  if (head.is_interim() && ends_stream) return malformed("an interim response that is the last");
  write_fields(head);
  auto framing = response_framing(head, to_head_request);
  if (!framing) return std::move(framing).error();
  const bool is_bodiless = framing->kind == Framing::Kind::none;
  // In HTTP/1 only the status can say that a response has no body.
  if (!is_bodiless) framing = framing_of(*framing, ends_stream, {.kind = Framing::Kind::length});
  if (!framing) return malformed(framing.error().message);
  head.framing = *framing;
  clear();
  return {};
}

Result<void> HeadBuilder::finish(FieldList& trailers) {
  trailers.clear();
  for (const std::string* part : {&method_, &scheme_, &authority_, &path_, &status_}) {
    if (!part->empty()) return malformed("a pseudo-field in a trailer section");
  }
  if (has_cookie_) fields_.add(kCookieField, cookie_);
  auto clean = clean_trailers(fields_.lines());
  if (!clean) return malformed(std::move(clean).error().message);
  trailers = *std::move(clean);
  clear();
  return {};
}

void HeadBuilder::clear() {
  for (std::string* part : {&method_, &scheme_, &authority_, &path_, &status_, &cookie_}) part->clear();
  fields_.clear();
  bytes_ = count_ = 0;
  has_host_ = has_cookie_ = false;
}

}  // namespace sluice::http
