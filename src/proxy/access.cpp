#include "proxy/access.h"

#include <sluice/base/text.h>
#include <sluice/http/forwarding.h>

#include "proxy/trust.h"

namespace sluice::proxy {
namespace {

constexpr size_t kMostOfALine = 2048;

}  // namespace

observe::AccessRecord access_record(const http::RequestHead& head) {
  observe::AccessRecord record;
  record.time = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  record.request_line = head.request_line().substr(0, kMostOfALine);
  if (!head.is_whole()) return record;  // Never complete: its fields are not to be trusted.
  record.host = head.host();
  for (const auto& field : head.fields()) {
    if (field.name != http::FieldName::other) continue;
    const auto name = head.name(field);
    if (name.size() == 10 && equals_ignoring_case(name, "user-agent")) record.user_agent = head.value(field);
    if (name.size() == 7 && equals_ignoring_case(name, "referer")) record.referer = head.value(field);
  }
  return record;
}

std::string original_client(const config::Config& config, const wire::ServerStream& client) {
  const auto trusts = [&](std::string_view ip) {
    if (ip == "unix") return config.forwarding.trust_unix;
    const bool is_ipv6 = ip.find(':') != std::string_view::npos;
    const auto address = Address::parse(is_ipv6 ? concat({"[", ip, "]:1"}) : concat({ip, ":1"}));
    return address && is_trusted(config.forwarding, *address);
  };
  return http::original_client(client.request(), client.client().ip, trusts);
}

}  // namespace sluice::proxy
