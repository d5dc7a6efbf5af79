// How much of its weight a backend gets that has just become healthy. Pure.
#pragma once

#include <sluice/base/clock.h>

#include <algorithm>
#include <cstdint>

namespace sluice::upstream {

/// In percent: from a tenth on, evenly, to all of it after `whole`.
inline uint32_t ramp_up_percent(TimePoint healthy_since, TimePoint now, Duration whole) {
  const Duration since = now - healthy_since;
  if (healthy_since == TimePoint() || since >= whole) return 100;
  return static_cast<uint32_t>(std::max<Duration::rep>(10, 100 * since.count() / whole.count()));
}

}  // namespace sluice::upstream
