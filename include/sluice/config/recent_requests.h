// [recent_requests]: what each worker keeps of requests that have ended, for `sluice why`.
#pragma once

#include <sluice/base/clock.h>

#include <chrono>
#include <cstdint>

namespace sluice::config {

struct RecentRequests {
  uint32_t notable = 512;  ///< that failed, were tried again, had to wait, or were slow; 0: none
  uint32_t others = 256;   ///< 0: none
  Duration slow = std::chrono::seconds(1);  ///< from here on
  bool operator==(const RecentRequests&) const = default;
};

}  // namespace sluice::config
