// server.probation: how long a new process may be found worse than its predecessor, and what counts as worse.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>

namespace sluice::config {

struct Probation {
  Duration time{0};        ///< 0: there is none
  uint32_t failures = 10;  ///< so many at least make a process worse
  uint32_t percent = 1;    ///< of its answers, beyond twice the share of the process before it
  bool operator==(const Probation&) const = default;
};

}  // namespace sluice::config
