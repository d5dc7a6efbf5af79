#include "config/syntax.h"

#include <sluice/base/address.h>
#include <sluice/base/text.h>

#include <algorithm>

namespace sluice::config {
namespace {

constexpr size_t kLongestName = 100;
constexpr size_t kLongestHost = 253;  // RFC 1035 2.3.4, as text
constexpr uint64_t kLastPort = 65535;

bool is_token_character(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         kOthers.find(c) != std::string_view::npos;
}

}  // namespace

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !text.empty() && text.size() <= kLongestName &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestHost) return false;
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") != std::string_view::npos)
    return false;
  return name.front() != '.' && name.back() != '.' && name.find("..") == std::string_view::npos;
}

bool is_authority(std::string_view text) {
  const auto bracket = text.starts_with('[') ? text.find(']') : 0;
  const auto colon = text.find(':', std::min(bracket, text.size()));
  const auto host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto port = parse_unsigned(text.substr(colon + 1));
    if (!port || *port == 0 || *port > kLastPort) return false;
  }
  if (host.starts_with('[')) return Address::parse(concat({host, ":1"})).has_value();
  return is_host_name(to_lower(host));
}

bool is_content_type(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_token(text.substr(0, slash))) return false;
  const auto subtype = text.substr(slash + 1);
  const auto end = subtype.find_first_of("; ");
  if (!is_token(subtype.substr(0, end))) return false;
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace sluice::config
