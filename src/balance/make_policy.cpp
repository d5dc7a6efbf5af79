// The only place that knows all policies.
#include <sluice/base/check.h>

#include <utility>

#include "balance/consistent_hash.h"
#include "balance/least_requests.h"
#include "balance/priority.h"
#include "balance/random_two.h"
#include "balance/round_robin.h"
#include "balance/sticky.h"
#include "balance/zone.h"

namespace sluice::balance {
namespace {

std::unique_ptr<Policy> innermost(const Settings& settings, uint64_t seed) {
  switch (settings.kind) {
    case Kind::round_robin:
      return std::make_unique<RoundRobin>(seed);
    case Kind::least_requests:
      return std::make_unique<LeastRequests>(seed);
    case Kind::random_two:
      return std::make_unique<RandomTwo>(seed);
    case Kind::hash:
      return std::make_unique<ConsistentHash>(settings.bound, seed);
  }
  CHECK(false);
  return nullptr;
}

}  // namespace

std::unique_ptr<Policy> make_policy(const Settings& settings, uint64_t seed) {
  auto policy = innermost(settings, seed);
  if (settings.has_zones) policy = std::make_unique<Zone>(settings.zone_share, seed, std::move(policy));
  if (settings.has_priorities) {
    policy = std::make_unique<Priority>(settings.priority_share, seed, std::move(policy));
  }
  if (settings.sticky) policy = std::make_unique<Sticky>(std::move(policy));
  return policy;
}

}  // namespace sluice::balance
