#include "proxy/balance_key.h"

#include <sluice/http/lookup.h>
#include <sluice/upstream/affinity.h>

#include <algorithm>

#include "proxy/access.h"
#include "proxy/login_connections.h"

namespace sluice::proxy {
namespace {

using Of = config::BalanceKey::Of;

std::optional<uint64_t> hashed(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  return upstream::key_of(*text);
}

std::optional<uint64_t> hash_key(const config::BalanceKey& key, const config::Config& config,
                                 const wire::ServerStream& client, bool is_trusted_client) {
  switch (key.of) {
    case Of::client:
      return hashed(is_trusted_client ? original_client(config, client) : client.client().ip);
    case Of::path:
      return hashed(client.request().path());
    case Of::header:
      return hashed(http::find_field(client.request(), key.name));
    case Of::cookie:
      return hashed(http::find_cookie(client.request(), key.name));
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> balance_key(const config::Balance& balance, const config::Config& config,
                                    const wire::ServerStream& client, bool is_trusted_client) {
  if (balance.policy == config::BalancePolicy::hash) {
    return hash_key(balance.key, config, client, is_trusted_client);
  }
  if (balance.policy != config::BalancePolicy::sticky_cookie) return std::nullopt;
  const auto value = http::find_cookie(client.request(), balance.cookie);
  return value ? upstream::cookie_id(*value) : std::nullopt;
}

const WeightedTarget* target_of_known(const WeightedTargets& ways, const LoginConnections* logins,
                                      const config::Config& config, const wire::ServerStream& client) {
  if (ways.size() == 1) return nullptr;
  if (logins != nullptr && !logins->is_empty()) {
    const auto found = std::ranges::find_if(
        ways, [&](const WeightedTarget& way) { return logins->backend_in(*way.pool) != nullptr; });
    if (found != ways.end()) return &*found;
  }
  for (const WeightedTarget& way : ways) {
    if (way.weight == 0 || way.settings->balance.policy != config::BalancePolicy::sticky_cookie) continue;
    const auto id = balance_key(way.settings->balance, config, client, false);
    if (id && way.pool->has_backend_of(*id)) return &way;
  }
  return nullptr;
}

}  // namespace sluice::proxy
