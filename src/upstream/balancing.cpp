#include "upstream/balancing.h"

#include <sluice/base/check.h>
#include <sluice/upstream/affinity.h>

#include <algorithm>

namespace sluice::upstream {
namespace {

using config::BalancePolicy;

balance::Kind kind_of(BalancePolicy policy) {
  switch (policy) {
    case BalancePolicy::round_robin:
      return balance::Kind::round_robin;
    case BalancePolicy::least_requests:
      return balance::Kind::least_requests;
    case BalancePolicy::random_two:
      return balance::Kind::random_two;
    case BalancePolicy::hash:
      return balance::Kind::hash;
    case BalancePolicy::sticky_cookie:
      break;
  }
  CHECK(false);
  return {};
}

bool is_local(const config::Backend& backend, std::string_view zone) {
  return !zone.empty() && backend.zone == zone;
}

}  // namespace

balance::Settings settings_for(const config::Pool& pool, std::string_view zone) {
  const config::Balance& balance = pool.balance;
  const bool is_sticky = balance.policy == BalancePolicy::sticky_cookie;
  balance::Settings settings{.kind = kind_of(is_sticky ? balance.otherwise : balance.policy),
                             .bound = balance.bound,
                             .sticky = is_sticky,
                             .priority_share = balance.priority_share,
                             .zone_share = balance.zone_share};
  for (const config::Backend& backend : pool.backends) {
    const config::Backend& first = pool.backends.front();
    if (backend.priority != first.priority) settings.has_priorities = true;
    if (is_local(backend, zone) != is_local(first, zone)) settings.has_zones = true;
  }
  return settings;
}

std::vector<balance::Candidate> candidates_for(const config::Pool& pool, std::string_view zone) {
  std::vector<balance::Candidate> candidates;
  candidates.reserve(pool.backends.size());
  for (const config::Backend& backend : pool.backends) {
    candidates.push_back({.id = backend_id(pool.balance, backend.address),
                          .is_local = is_local(backend, zone),
                          .priority = backend.priority});
  }
  return candidates;
}

}  // namespace sluice::upstream
