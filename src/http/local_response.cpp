// Responses of Sluice's own.
#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include <algorithm>
#include <array>
#include <utility>

#include "http/copy_fields.h"
#include "http/framing.h"

namespace sluice::http {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

/// RFC 9110 15, RFC 6585, RFC 8297, RFC 8470, RFC 7725.
constexpr std::array kPhrases = {Phrase{100, "Continue"},
                                 Phrase{101, "Switching Protocols"},
                                 Phrase{103, "Early Hints"},
                                 Phrase{200, "OK"},
                                 Phrase{201, "Created"},
                                 Phrase{202, "Accepted"},
                                 Phrase{203, "Non-Authoritative Information"},
                                 Phrase{204, "No Content"},
                                 Phrase{205, "Reset Content"},
                                 Phrase{206, "Partial Content"},
                                 Phrase{300, "Multiple Choices"},
                                 Phrase{301, "Moved Permanently"},
                                 Phrase{302, "Found"},
                                 Phrase{303, "See Other"},
                                 Phrase{304, "Not Modified"},
                                 Phrase{305, "Use Proxy"},
                                 Phrase{307, "Temporary Redirect"},
                                 Phrase{308, "Permanent Redirect"},
                                 Phrase{400, "Bad Request"},
                                 Phrase{401, "Unauthorized"},
                                 Phrase{402, "Payment Required"},
                                 Phrase{403, "Forbidden"},
                                 Phrase{404, "Not Found"},
                                 Phrase{405, "Method Not Allowed"},
                                 Phrase{406, "Not Acceptable"},
                                 Phrase{407, "Proxy Authentication Required"},
                                 Phrase{408, "Request Timeout"},
                                 Phrase{409, "Conflict"},
                                 Phrase{410, "Gone"},
                                 Phrase{411, "Length Required"},
                                 Phrase{412, "Precondition Failed"},
                                 Phrase{413, "Content Too Large"},
                                 Phrase{414, "URI Too Long"},
                                 Phrase{415, "Unsupported Media Type"},
                                 Phrase{416, "Range Not Satisfiable"},
                                 Phrase{417, "Expectation Failed"},
                                 Phrase{421, "Misdirected Request"},
                                 Phrase{422, "Unprocessable Content"},
                                 Phrase{425, "Too Early"},
                                 Phrase{426, "Upgrade Required"},
                                 Phrase{428, "Precondition Required"},
                                 Phrase{429, "Too Many Requests"},
                                 Phrase{431, "Request Header Fields Too Large"},
                                 Phrase{451, "Unavailable For Legal Reasons"},
                                 Phrase{500, "Internal Server Error"},
                                 Phrase{501, "Not Implemented"},
                                 Phrase{502, "Bad Gateway"},
                                 Phrase{503, "Service Unavailable"},
                                 Phrase{504, "Gateway Timeout"},
                                 Phrase{505, "HTTP Version Not Supported"},
                                 Phrase{511, "Network Authentication Required"}};

std::string json_string(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      out += concat({"\\u00", kHex.substr(byte >> 4U, 1), kHex.substr(byte & 15U, 1)});
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

/// The weight of one media range in thousands; 1000 when it says nothing, 0 when it says nonsense.
unsigned weight_of(std::string_view range) {
  for (auto left = range; !left.empty();) {
    const auto semicolon = left.find(';');
    auto parameter = trim(left.substr(0, semicolon));
    left = semicolon == std::string_view::npos ? std::string_view() : left.substr(semicolon + 1);
    if (parameter.size() < 3 || ascii_lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    parameter.remove_prefix(2);
    unsigned weight = parameter[0] == '1' ? 1000 : 0;
    unsigned digit = 100;
    for (const char c : parameter.substr(std::min<size_t>(2, parameter.size()))) {
      if (c < '0' || c > '9') return 0;
      weight += static_cast<unsigned>(c - '0') * digit;
      digit /= 10;
    }
    return std::min(weight, 1000U);
  }
  return 1000;
}

bool is_json(std::string_view type) {
  constexpr std::string_view kSuffix = "+json";
  if (equals_ignoring_case(type, "application/json")) return true;
  return type.size() > kSuffix.size() &&
         equals_ignoring_case(type.substr(type.size() - kSuffix.size()), kSuffix);
}

bool is_text(std::string_view type) {
  return type == "*/*" || (type.size() >= 5 && equals_ignoring_case(type.substr(0, 5), "text/"));
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Unknown";
}

bool prefers_json(const RequestHead& head) {
  unsigned json = 0;
  unsigned text = 0;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::other || !equals_ignoring_case(head.name(field), "accept")) continue;
    for_each_element(head.value(field), [&](std::string_view range) {
      const auto type = trim(range.substr(0, range.find(';')));
      if (is_json(type)) json = std::max(json, weight_of(range));
      if (is_text(type)) text = std::max(text, weight_of(range));
    });
  }
  return json > text;
}

LocalResponseBytes local_response(const LocalResponse& response, const LocalResponseForwarding& forwarding) {
  const std::string code = std::to_string(response.status);
  const auto phrase = reason_phrase(response.status);
  std::string made;
  std::string_view type = response.content_type;
  if (!response.has_body && forwarding.as_json) {
    type = "application/json";
    made = concat({"{\"status\":", code, ",\"error\":", json_string(phrase),
                   ",\"message\":", json_string(response.explanation), "}\n"});
  } else if (!response.has_body) {
    type = "text/plain";
    made = concat({code, " ", phrase, ": ", response.explanation, "\n"});
  }
  const std::string_view body = response.has_body ? response.body : std::string_view(made);
  std::string out = concat({"HTTP/1.1 ", code, " ", phrase, "\r\n"});
  const FieldList& extra = response.extra_fields == nullptr ? kNoFields : *response.extra_fields;
  if (forwarding.date != nullptr && !extra.has(FieldName::date)) out += forwarding.date->lines();
  const bool may_have_content = response.status != 204 && response.status != 304;
  if (may_have_content) {
    if (!type.empty()) out += concat({"Content-Type: ", type, "\r\n"});
    append_framing(out, {.kind = Framing::Kind::length, .length = body.size()});
  }
  if (forwarding.close) out += "Connection: close\r\n";
  if (forwarding.say_keep_alive) out += "Connection: keep-alive\r\n";
  out += extra.lines();
  out += "\r\n";
  if (!may_have_content || forwarding.to_head) return {.bytes = std::move(out)};
  out += body;
  return {.bytes = std::move(out), .content_size = body.size()};
}

}  // namespace sluice::http
