// A pool's balance as TOML: the name of the policy alone when that says all.
#include <sluice/base/text.h>

#include "config/toml_writer.h"

namespace sluice::config {

std::string_view text(BalancePolicy policy) {
  return kBalancePolicies[static_cast<size_t>(policy)];
}

std::string balance_text(const Balance& balance) {
  std::vector<std::pair<std::string, std::string>> pairs = {{"policy", in_quotes(text(balance.policy))}};
  if (balance.policy == BalancePolicy::hash) {
    pairs.emplace_back("key", in_quotes(text(balance.key)));
    pairs.emplace_back("bound", std::to_string(balance.bound));
  }
  if (balance.policy == BalancePolicy::sticky_cookie) {
    pairs.emplace_back("cookie", in_quotes(balance.cookie));
    pairs.emplace_back("otherwise", in_quotes(text(balance.otherwise)));
    pairs.emplace_back("max_age", in_quotes(balance.max_age));
    pairs.emplace_back("secure", std::string(truth(balance.secure)));
    if (!balance.secret.empty()) pairs.emplace_back("secret", in_quotes(balance.secret));
  }
  const Balance plain;
  if (balance.priority_share != plain.priority_share) {
    pairs.emplace_back("priority_share", std::to_string(balance.priority_share));
  }
  if (balance.zone_share != plain.zone_share) {
    pairs.emplace_back("zone_share", std::to_string(balance.zone_share));
  }
  return pairs.size() == 1 ? pairs[0].second : inline_table(pairs);
}

}  // namespace sluice::config
