#include "http/strict.h"

#include <sluice/base/text.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "http/raw_fields.h"

namespace sluice::http {
namespace {

/// What a byte may be part of.
enum : unsigned char { kToken = 1, kTarget = 2, kName = 4 };

constexpr size_t kMostConnectionOptions = 64;
constexpr size_t kMostConnectionBytes = 2048;

constexpr std::array<unsigned char, 256> make_classes() {
  std::array<unsigned char, 256> classes{};
  for (size_t c = 0; c < 256; ++c) {
    const bool visible = c > 0x20 && c != 0x7f;
    if (visible && c < 0x80 && c != '#') classes[c] |= kTarget;
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric) classes[c] |= kToken | kName;
  }
  for (const char c : std::string_view("-._~")) classes[static_cast<unsigned char>(c)] |= kName;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) classes[static_cast<unsigned char>(c)] |= kToken;
  return classes;
}

constexpr auto kClasses = make_classes();

bool all(std::string_view text, unsigned char wanted) {
  unsigned char common = wanted;
  for (const char c : text) common &= kClasses[static_cast<unsigned char>(c)];
  return common == wanted;
}

/// How many control characters other than the tab; these are all that RFC 9110 5.5 keeps out of a value.
/// Without a branch and in blocks whose count fits a byte, so that compilers make vector instructions of it.
size_t control_characters(std::string_view bytes) {
  constexpr size_t kBlock = 128;
  size_t count = 0;
  while (!bytes.empty()) {
    unsigned char in_block = 0;
    for (const char c : bytes.substr(0, kBlock)) {
      const auto byte = static_cast<unsigned char>(c);
      const bool is_control = ((byte < 0x20) & (byte != '\t')) | (byte == 0x7f);
      in_block = static_cast<unsigned char>(in_block + (is_control ? 1 : 0));
    }
    count += in_block;
    bytes.remove_prefix(std::min(kBlock, bytes.size()));
  }
  return count;
}

/// Of a field whose line is to begin at `begin`.
std::optional<std::string_view> wrong_with_field(const Head& head, const Field& field, size_t begin) {
  const std::string_view bytes = RawFields::bytes(head);
  const FieldPlace& place = RawFields::place(field);
  if (place.begin != begin) return "a folded or empty field line";
  const bool ends_well =
      place.end >= begin + 2 && bytes[place.end - 2] == '\r' && bytes[place.end - 1] == '\n';
  if (!ends_well) return "a line that does not end in CRLF";
  // The names that have a FieldName are tokens.
  if (field.name == FieldName::other && (place.name_size == 0 || !all(head.name(field), kToken))) {
    return "a field name that is no token";
  }
  if (bytes[begin + place.name_size] != ':') return "white space before the colon of a field";
  return std::nullopt;
}

/// Lines end in CRLF and nowhere else is a CR or LF; the fields lie end to end, so that none is folded or
/// hidden. Returns what is wrong, or nothing; `at` is the name of the field, when it is one. `start_line` is
/// the first line without its CRLF, when nothing is wrong.
std::optional<std::string_view> wrong_with_lines(const Head& head, std::string_view& start_line,
                                                 std::string_view& at) {
  const std::string_view bytes = RawFields::bytes(head);
  const auto first_end = bytes.find("\r\n");
  if (first_end == std::string_view::npos) return "a line that does not end in CRLF";
  start_line = bytes.substr(0, first_end);
  size_t next = first_end + 2;
  for (const Field& field : head.fields()) {
    if (const auto wrong = wrong_with_field(head, field, next)) {
      at = head.name(field);
      return wrong;
    }
    next = RawFields::place(field).end;
  }
  if (bytes.substr(next) != "\r\n") return "a line that does not end in CRLF";
  // The start line, the fields and the empty line have two each, at their ends.
  if (control_characters(bytes) != 2 * (head.fields().size() + 2)) return "a control character in the head";
  return std::nullopt;
}

Error bad(std::string_view what, int status = 400) {
  return {.code = ErrorCode::malformed,
          .message = std::string(what),
          .origin = Origin::downstream,
          .status = status};
}

/// Exactly method SP target SP HTTP-version CRLF (RFC 9112 3): llhttp lets more spaces pass.
bool is_request_line(const RequestHead& head, std::string_view line) {
  const size_t method_size = head.method().size();
  const auto target_begin = static_cast<size_t>(head.target().data() - line.data());
  const size_t target_end = target_begin + head.target().size();
  if (target_begin != method_size + 1 || line.size() != target_end + 9) return false;
  return line[method_size] == ' ' && line.substr(target_end, 8) == " HTTP/1.";
}

/// Exactly HTTP-version SP three digits SP reason; the last space may be missing when there is no reason.
bool is_status_line(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return false;
  }
  return line.size() == 12 || line[12] == ' ';
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr uint64_t kMostPort = 65535;

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return false;
  std::ranges::copy(text, terminated.begin());
  in6_addr address{};
  return ::inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

/// host [ ":" port ] (RFC 9110 7.2), where a name has only the characters that names are made of: what
/// RFC 3986 allows beyond them ("!$&'()*+,;=") only helps an attacker that wants two parties to read two
/// hosts.
bool is_authority(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return false;
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return false;
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    const auto name = text.substr(0, colon);
    if (name.empty()) return false;
    for (size_t i = all(name, kName) ? name.size() : 0; i < name.size(); ++i) {
      const bool escaped =
          name[i] == '%' && i + 2 < name.size() && is_hex(name[i + 1]) && is_hex(name[i + 2]);
      if (!escaped && !all(name.substr(i, 1), kName)) return false;
    }
    port = text.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  if (port.size() > 5) return false;
  return port.empty() || parse_unsigned(port).value_or(kMostPort + 1) <= kMostPort;
}

std::optional<Error> wrong_with_target(const RequestHead& head) {
  const auto target = head.target();
  if (target.empty() || !all(target, kTarget)) return bad("a request target with forbidden characters");
  if (target.starts_with('/') || (target == "*" && head.method() == "OPTIONS")) return std::nullopt;
  if (!head.is_absolute_form()) return bad("a request target that is neither a path nor an http URI");
  if (!is_authority(head.host())) return bad("a request target with a malformed authority");
  return std::nullopt;
}

std::optional<Error> wrong_with_host(const RequestHead& head) {
  const size_t hosts = head.count(FieldName::host);
  if (hosts > 1) return bad("more than one Host");
  if (hosts == 0 && head.protocol != Protocol::http1_0) return bad("no Host");
  const std::string_view host = head.find(FieldName::host);
  if (!host.empty() && !is_authority(host)) return bad("a malformed Host");
  return std::nullopt;
}

/// Each field is held against each option of Connection, so both have to have a bound.
bool has_monstrous_connection(const Head& head) {
  if (!head.has(FieldName::connection)) return false;
  size_t options = 0;
  size_t bytes = 0;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::connection) continue;
    const auto value = head.value(field);
    options += 1 + static_cast<size_t>(std::ranges::count(value, ','));
    bytes += value.size();
  }
  return options > kMostConnectionOptions || bytes > kMostConnectionBytes;
}

/// RFC 9110 10.1.1: the only expectation there is.
bool expects_something_else(const RequestHead& head) {
  if (!head.has(FieldName::expect)) return false;
  size_t count = 0;
  for (const Field& field : head.fields()) {
    if (field.name != FieldName::expect) continue;
    if (++count > 1 || !equals_ignoring_case(head.value(field), "100-continue")) return true;
  }
  return false;
}

/// False for fields that mean something only in a head: a party that reads them from a trailer reads another
/// message.
bool may_be_trailer(std::string_view name) {
  switch (field_name(name)) {
    case FieldName::other:
      break;
    default:
      return false;
  }
  for (const std::string_view head_only : {"age",
                                           "authorization",
                                           "cache-control",
                                           "content-encoding",
                                           "content-location",
                                           "content-range",
                                           "content-type",
                                           "cookie",
                                           "date",
                                           "expires",
                                           "if-match",
                                           "if-modified-since",
                                           "if-none-match",
                                           "if-range",
                                           "if-unmodified-since",
                                           "location",
                                           "max-forwards",
                                           "pragma",
                                           "proxy-authenticate",
                                           "proxy-authorization",
                                           "range",
                                           "retry-after",
                                           "set-cookie",
                                           "vary",
                                           "warning",
                                           "www-authenticate"}) {
    if (equals_ignoring_case(name, head_only)) return false;
  }
  return true;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && all(text, kToken);
}

Result<FieldList> clean_trailers(std::string_view lines) {
  FieldList clean;
  while (!lines.empty()) {
    const size_t end = lines.find("\r\n");
    if (end == std::string_view::npos) return bad("a trailer without CRLF");
    const auto line = lines.substr(0, end);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
        control_characters(line.substr(colon + 1)) != 0) {
      return bad("a malformed trailer");
    }
    if (may_be_trailer(line.substr(0, colon))) RawFields::add_line(clean, lines.substr(0, end + 2), colon);
    lines.remove_prefix(end + 2);
  }
  return clean;
}

bool is_field_value(std::string_view text) {
  return control_characters(text) == 0;
}

Result<void> check_request(const RequestHead& head, Http1Version version) {
  if (version.major != 1 || version.minor > 1) {
    const bool is_missing = version.major == 0;
    return is_missing ? bad("a request line without an HTTP version")
                      : bad("an HTTP version other than 1.0 and 1.1", 505);
  }
  std::string_view start_line;
  std::string_view at;
  if (const auto wrong = wrong_with_lines(head, start_line, at)) return bad(*wrong);
  if (!is_request_line(head, start_line)) return bad("a malformed request line");
  return check_request_semantics(head);
}

Result<void> check_request_semantics(const RequestHead& head) {
  if (auto wrong = wrong_with_target(head)) return *std::move(wrong);
  if (auto wrong = wrong_with_host(head)) return *std::move(wrong);
  if (has_monstrous_connection(head)) return bad("too much in Connection");
  if (expects_something_else(head)) return bad("an expectation other than 100-continue", 417);
  if (head.method() == "TRACE" &&
      (head.has(FieldName::content_length) || head.has(FieldName::transfer_encoding))) {
    return bad("a TRACE request with a body");  // RFC 9110 9.3.8
  }
  return {};
}

Result<void> check_response(const ResponseHead& head, Http1Version version) {
  std::string_view start_line;
  std::string_view at;
  auto wrong = wrong_with_lines(head, start_line, at);
  if (!wrong && (version.major != 1 || version.minor > 1)) {
    wrong = "an HTTP version other than 1.0 and 1.1";
  }
  if (!wrong && !is_status_line(start_line)) wrong = "a malformed status line";
  if (!wrong && has_monstrous_connection(head)) wrong = "too much in Connection";
  if (!wrong && (head.status < 100 || head.status > 999)) wrong = "a status code out of range";
  if (!wrong) return {};
  Error error = bad(at.empty() ? *wrong : concat({*wrong, ": ", at}), 502);
  error.origin = Origin::upstream;
  return error;
}

}  // namespace sluice::http
