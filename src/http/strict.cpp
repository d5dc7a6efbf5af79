#include "http/strict.h"

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

namespace sluice::http {
namespace {

/// What a byte may be part of.
enum : unsigned char { kToken = 1, kValue = 2, kTarget = 4 };

constexpr std::array<unsigned char, 256> make_classes() {
  std::array<unsigned char, 256> classes{};
  for (size_t c = 0; c < 256; ++c) {
    const bool visible = c > 0x20 && c != 0x7f;
    if (visible || c == ' ' || c == '\t') classes[c] |= kValue;  // RFC 9110 5.5, obs-text included
    if (visible && c < 0x80 && c != '#') classes[c] |= kTarget;
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric) classes[c] |= kToken;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) classes[static_cast<unsigned char>(c)] |= kToken;
  return classes;
}

constexpr auto kClasses = make_classes();

bool all(std::string_view text, unsigned char wanted) {
  unsigned char common = wanted;
  for (const char c : text) common &= kClasses[static_cast<unsigned char>(c)];
  return common == wanted;
}

/// Lines end in CRLF and nowhere else is a CR or LF; the fields lie end to end, so that none is folded or
/// hidden. Returns what is wrong, or nothing.
std::optional<std::string_view> wrong_with_lines(const Head& head) {
  const std::string_view bytes = head.bytes();
  const auto first_end = bytes.find("\r\n");
  if (first_end == std::string_view::npos) return "a line that does not end in CRLF";
  if (!all(bytes.substr(0, first_end), kValue)) return "a control character in the start line";
  size_t next = first_end + 2;
  for (const Field& field : head.fields()) {
    if (field.begin != next) return "a folded or empty field line";
    const auto line = bytes.substr(field.begin, field.end - field.begin);
    if (!line.ends_with("\r\n")) return "a line that does not end in CRLF";
    if (field.name_size == 0 || !all(head.name(field), kToken)) return "a field name that is no token";
    if (line[field.name_size] != ':') return "white space before the colon of a field";
    if (!all(line.substr(field.name_size + 1, line.size() - field.name_size - 3), kValue)) {
      return "a control character in a field value";
    }
    next = field.end;
  }
  if (bytes.substr(next) != "\r\n") return "a line that does not end in CRLF";
  return std::nullopt;
}

Error bad(std::string_view what, int status = 400) {
  return {.code = ErrorCode::malformed,
          .message = std::string(what),
          .origin = Origin::downstream,
          .status = status};
}

}  // namespace

Result<void> check_request(const RequestHead& head) {
  if (head.version.major != 1 || head.version.minor > 1)
    return bad("an HTTP version other than 1.0 and 1.1", 505);
  if (const auto wrong = wrong_with_lines(head)) return bad(*wrong);
  if (!all(head.method(), kToken) || head.method().empty()) return bad("a method that is no token");
  if (head.method() == "CONNECT") return bad("CONNECT is not offered here", 501);
  if (!all(head.target(), kTarget) || head.target().empty())
    return bad("a request target with forbidden characters");
  const bool asterisk = head.target() == "*" && head.method() == "OPTIONS";
  if (!head.target().starts_with('/') && !head.is_absolute_form() && !asterisk) {
    return bad("a request target that is neither a path nor a URI");
  }
  const size_t hosts = head.count(FieldName::host);
  if (hosts > 1) return bad("more than one Host");
  if (hosts == 0 && head.version.minor == 1) return bad("no Host");
  if (head.host().find_first_of(" \t,/@?#") != std::string_view::npos) return bad("a malformed Host");
  return {};
}

Result<void> check_response(const ResponseHead& head) {
  auto wrong = wrong_with_lines(head);
  if (!wrong && (head.version.major != 1 || head.version.minor > 1))
    wrong = "an HTTP version other than 1.0 and 1.1";
  if (!wrong && (head.status < 100 || head.status > 999)) wrong = "a status code out of range";
  if (!wrong) return {};
  Error error = bad(*wrong, 502);
  error.origin = Origin::upstream;
  return error;
}

}  // namespace sluice::http
