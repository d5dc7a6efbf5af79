// A route's requests, split between pools by weight.
#pragma once

#include <sluice/config/config.h>
#include <sluice/upstream/pool.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::proxy {

/// To one of a route's pools, on one worker.
struct WeightedTarget {
  std::shared_ptr<upstream::Pool> pool;
  std::shared_ptr<const config::Pool> settings;
  uint32_t weight = 1;
};
using WeightedTargets = std::vector<WeightedTarget>;

/// One worker's, for all of its routes and generations, so that a change of either does not begin the turns
/// anew: multiples of the golden ratio, which are spread evenly however they are dealt out.
class SplitSequence {
 public:
  /// 0 to below `bound`.
  uint32_t next(uint32_t bound) {
    state_ += 0x9e3779b97f4a7c15;
    return static_cast<uint32_t>(((state_ >> 32) * bound) >> 32);
  }

 private:
  uint64_t state_ = 0;
};

/// `ways` has at least one with a weight.
const WeightedTarget& choose_target(const WeightedTargets& ways, SplitSequence& turns);

}  // namespace sluice::proxy
