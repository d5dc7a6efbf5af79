#include <sluice/base/text.h>
#include <sluice/http/lookup.h>

namespace sluice::http {
namespace {

constexpr std::string_view kCookie = "cookie";

bool is_named(const Head& head, const Field& field, std::string_view name) {
  return head.name(field).size() == name.size() && equals_ignoring_case(head.name(field), name);
}

std::string_view unquoted(std::string_view value) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return value;
  return value.substr(1, value.size() - 2);
}

/// In "a=1; b=2".
std::optional<std::string_view> find_pair(std::string_view pairs, std::string_view name) {
  while (!pairs.empty()) {
    const auto end = pairs.find(';');
    const auto pair = trim(pairs.substr(0, end));
    pairs = end == std::string_view::npos ? std::string_view() : pairs.substr(end + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != name) continue;
    return unquoted(trim(pair.substr(equals + 1)));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> find_field(const Head& head, std::string_view name) {
  for (const Field& field : head.fields()) {
    if (is_named(head, field, name)) return head.value(field);
  }
  return std::nullopt;
}

std::optional<std::string_view> find_cookie(const Head& head, std::string_view name) {
  for (const Field& field : head.fields()) {
    if (!is_named(head, field, kCookie)) continue;
    if (const auto value = find_pair(head.value(field), name)) return value;
  }
  return std::nullopt;
}

std::string_view without_port(std::string_view authority) {
  if (const auto bracket = authority.rfind(']'); bracket != std::string_view::npos) {
    return authority.substr(bracket + 1).starts_with(':') ? authority.substr(0, bracket + 1) : authority;
  }
  const auto colon = authority.find(':');
  const bool has_port = colon != std::string_view::npos && colon == authority.rfind(':');
  return has_port ? authority.substr(0, colon) : authority;
}

std::string_view bare_host(std::string_view authority) {
  std::string_view host = without_port(authority);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace sluice::http
