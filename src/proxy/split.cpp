#include <sluice/base/check.h>
#include <sluice/proxy/split.h>

namespace sluice::proxy {

const WeightedTarget& choose_target(const WeightedTargets& ways, SplitSequence& turns) {
  if (ways.size() == 1) return ways[0];
  uint32_t all = 0;
  for (const WeightedTarget& way : ways) all += way.weight;
  uint32_t left = turns.next(all);
  for (const WeightedTarget& way : ways) {
    if (left < way.weight) return way;
    left -= way.weight;
  }
  CHECK(false);
  return ways[0];
}

}  // namespace sluice::proxy
