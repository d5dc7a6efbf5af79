#include "strict_http.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace sluice::e2e {
namespace {

using std::string_view;

/// Reads on from `left`; `why` is set once something breaks a rule.
struct Cursor {
  string_view left;
  const char* why = nullptr;

  bool fail(const char* reason) {
    why = reason;
    return false;
  }
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_token_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         string_view("!#$%&'*+-.^_`|~").find(c) != string_view::npos;
}

bool is_token(string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

/// No control characters but the tab.
bool is_text(string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

string_view trimmed(string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same(string_view a, string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool is_port(string_view port) {
  return port.size() <= 5 && std::ranges::all_of(port, is_digit) &&
         (port.empty() || std::stoul(std::string(port)) <= 65535);
}

bool is_authority(string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == string_view::npos || end < 3) return false;
    const auto address = text.substr(1, end - 1);
    if (!std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
    const auto rest = text.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const auto colon = std::min(text.find(':'), text.size());
  const auto name = text.substr(0, colon);
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool plain = std::isalnum(static_cast<unsigned char>(name[i])) != 0 ||
                       string_view("-._~").find(name[i]) != string_view::npos;
    const bool escaped = name[i] == '%' && i + 2 < name.size() && is_hex(name[i + 1]) && is_hex(name[i + 2]);
    if (!plain && !escaped) return false;
  }
  return colon == text.size() || is_port(text.substr(colon + 1));
}

/// A line without its CRLF; nothing when there is none yet. A CR or LF of its own is an error.
std::optional<string_view> take_line(Cursor& in) {
  const auto end = in.left.find("\r\n");
  const auto line = in.left.substr(0, std::min(end, in.left.size()));
  if (end == string_view::npos) return std::nullopt;
  if (line.find_first_of("\r\n") != string_view::npos) in.why = "a CR or LF by itself";
  in.left.remove_prefix(end + 2);
  return line;
}

/// Field lines to the empty one. False: incomplete, or wrong.
bool take_fields(Cursor& in, Fields& fields) {
  while (true) {
    const auto line = take_line(in);
    if (!line || in.why != nullptr) return false;
    if (line->empty()) return true;
    const auto colon = line->find(':');
    if (colon == string_view::npos || !is_token(line->substr(0, colon)))
      return in.fail("a field without a name");
    if (!is_text(line->substr(colon + 1))) return in.fail("a control character in a field");
    fields.emplace_back(line->substr(0, colon), trimmed(line->substr(colon + 1)));
  }
}

bool take_chunks(Cursor& in, std::string& body) {
  while (true) {
    const auto line = take_line(in);
    if (!line || in.why != nullptr) return false;
    const auto digits = line->substr(0, std::min(line->find(';'), line->size()));
    if (digits.empty() || digits.size() > 16 || !std::ranges::all_of(digits, is_hex) || !is_text(*line)) {
      return in.fail("a malformed chunk size");
    }
    const size_t size = std::stoull(std::string(digits), nullptr, 16);
    if (size == 0) {
      Fields trailers;
      return take_fields(in, trailers);
    }
    if (in.left.size() < 2 || in.left.size() - 2 < size) return false;
    body += in.left.substr(0, size);
    if (in.left.substr(size, 2) != "\r\n") return in.fail("a chunk that does not end in CRLF");
    in.left.remove_prefix(size + 2);
  }
}

struct Declared {
  bool chunked = false;
  std::optional<size_t> length;
};

bool read_framing(Cursor& in, const Fields& fields, bool is_1_1, Declared& framing) {
  const auto codings = values_of(fields, "transfer-encoding");
  const auto lengths = values_of(fields, "content-length");
  if (codings.size() + lengths.size() > 1) return in.fail("more than one field that frames the body");
  if (!codings.empty()) {
    if (!is_1_1) return in.fail("a Transfer-Encoding in HTTP/1.0");
    if (!same(codings[0], "chunked")) return in.fail("a Transfer-Encoding that is not chunked");
    framing.chunked = true;
  }
  if (!lengths.empty()) {
    const std::string& text = lengths[0];
    if (text.empty() || text.size() > 18 || !std::ranges::all_of(text, is_digit)) {
      return in.fail("a Content-Length that is no number");
    }
    framing.length = std::stoull(text);
  }
  return true;
}

bool take_length(Cursor& in, size_t length, std::string& body) {
  if (in.left.size() < length) return false;
  body = in.left.substr(0, length);
  in.left.remove_prefix(length);
  return true;
}

bool read_target(Cursor& in, StrictRequest& request) {
  const auto visible = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (!std::ranges::all_of(request.target, visible)) return in.fail("a target with a forbidden character");
  if (request.target.starts_with('/')) return true;
  if (request.target == "*" && request.method == "OPTIONS") return true;
  const string_view target = request.target;
  const size_t scheme = same(target.substr(0, 7), "http://")    ? 7
                        : same(target.substr(0, 8), "https://") ? 8
                                                                : 0;
  if (scheme == 0) return in.fail("a target that is neither a path nor a URI");
  request.host = target.substr(scheme, target.find_first_of("/?", scheme) - scheme);
  return is_authority(request.host) || in.fail("a target with a malformed authority");
}

bool read_host(Cursor& in, StrictRequest& request, bool is_1_1) {
  const auto hosts = values_of(request.fields, "host");
  if (hosts.size() > 1 || (hosts.empty() && is_1_1)) return in.fail("not one Host");
  if (hosts.empty()) return true;
  if (!hosts[0].empty() && !is_authority(hosts[0])) return in.fail("a malformed Host");
  if (request.host.empty()) request.host = hosts[0];
  return true;
}

bool read_request(Cursor& in, StrictRequest& request) {
  while (in.left.starts_with("\r\n")) in.left.remove_prefix(2);
  // Judged once the head is there: what has not come yet cannot be wrong.
  if (in.left.find("\r\n\r\n") == string_view::npos) return false;
  const auto line = take_line(in);
  if (!line || in.why != nullptr) return false;
  const auto first = line->find(' ');
  const auto last = line->rfind(' ');
  if (first == string_view::npos || first == last) return in.fail("a request line without three parts");
  request.method = line->substr(0, first);
  request.target = line->substr(first + 1, last - first - 1);
  const auto version = line->substr(last + 1);
  if (!is_token(request.method) || request.method == "CONNECT") return in.fail("a forbidden method");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return in.fail("a version other than 1.0 and 1.1");
  const bool is_1_1 = version == "HTTP/1.1";
  if (!read_target(in, request) || !take_fields(in, request.fields)) return false;
  Declared framing;
  if (!read_host(in, request, is_1_1) || !read_framing(in, request.fields, is_1_1, framing)) return false;
  for (const auto& value : values_of(request.fields, "expect")) {
    if (!same(value, "100-continue")) return in.fail("another expectation than 100-continue");
  }
  if (framing.chunked) return take_chunks(in, request.body);
  return take_length(in, framing.length.value_or(0), request.body);
}

bool read_response(Cursor& in, StrictResponse& response, bool to_head, bool ended) {
  if (in.left.find("\r\n\r\n") == string_view::npos) return false;
  const auto line = take_line(in);
  if (!line || in.why != nullptr) return false;
  const bool has_status = line->size() >= 12 && std::ranges::all_of(line->substr(9, 3), is_digit);
  if (!line->starts_with("HTTP/1.1 ") || !has_status) return in.fail("a malformed status line");
  if (line->size() > 12 && (*line)[12] != ' ') return in.fail("a malformed status line");
  response.status = std::stoi(std::string(line->substr(9, 3)));
  Declared framing;
  if (!take_fields(in, response.fields) || !read_framing(in, response.fields, true, framing)) return false;
  if (to_head || response.status < 200 || response.status == 204 || response.status == 304) return true;
  if (framing.chunked) return take_chunks(in, response.body);
  if (framing.length) return take_length(in, *framing.length, response.body);
  response.body = std::exchange(in.left, {});
  return ended;
}

template <typename Message>
void conclude(Message& message, const Cursor& in, string_view bytes, bool complete) {
  message.reading = in.why != nullptr ? Reading::invalid : complete ? Reading::complete : Reading::incomplete;
  if (in.why != nullptr) message.why = in.why;
  message.size = bytes.size() - in.left.size();
}

}  // namespace

std::vector<std::string> values_of(const Fields& fields, string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : fields) {
    if (same(field, name)) values.push_back(value);
  }
  return values;
}

StrictRequest parse_request(string_view bytes) {
  StrictRequest request;
  Cursor in{.left = bytes};
  conclude(request, in, bytes, read_request(in, request));
  return request;
}

StrictResponse parse_response(string_view bytes, bool to_head, bool ended) {
  StrictResponse response;
  Cursor in{.left = bytes};
  conclude(response, in, bytes, read_response(in, response, to_head, ended));
  return response;
}

}  // namespace sluice::e2e
