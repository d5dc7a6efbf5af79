#include <sluice/base/check.h>
#include <sluice/proxy/split.h>

namespace sluice::proxy {

const Way& choose_way(const Ways& ways, SplitTurns& turns) {
  if (ways.size() == 1) return ways[0];
  uint32_t all = 0;
  for (const Way& way : ways) all += way.weight;
  uint32_t left = turns.next(all);
  for (const Way& way : ways) {
    if (left < way.weight) return way;
    left -= way.weight;
  }
  CHECK(false);
  return ways[0];
}

}  // namespace sluice::proxy
