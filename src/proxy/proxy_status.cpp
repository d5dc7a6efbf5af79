#include "proxy/proxy_status.h"

#include <sluice/base/text.h>

#include <algorithm>

namespace sluice::proxy {
namespace {

bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// RFC 8941 3.3.4
bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "0123456789!#$%&'*+-.^_`|~:/";
  const auto may_follow = [&](char c) { return is_alpha(c) || kOthers.find(c) != std::string_view::npos; };
  return !text.empty() && (is_alpha(text[0]) || text[0] == '*') && std::ranges::all_of(text, may_follow);
}

/// RFC 8941 3.3.3; what it has no place for becomes a question mark.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c < 0x20 || c > 0x7e ? '?' : c;
  }
  out += '"';
}

}  // namespace

std::string proxy_status(const config::ProxyStatus& settings, const StatusFacts& facts) {
  const observe::CauseEntry& cause = entry(facts.cause);
  std::string value;
  if (is_token(settings.name)) {
    value += settings.name;
  } else {
    append_string(value, settings.name);
  }
  if (!cause.error.empty()) value += concat({"; error=", cause.error});
  if (facts.next_hop != nullptr && settings.next_hop) {
    value += "; next-hop=";
    append_string(value, facts.next_hop->text());
  }
  if (facts.received_status != 0)
    value += concat({"; received-status=", std::to_string(facts.received_status)});
  const std::string_view details = facts.details.empty() ? cause.details : facts.details;
  if (!details.empty()) {
    value += "; details=";
    append_string(value, details);
  }
  return value;
}

}  // namespace sluice::proxy
