// What a log has lost, for reports.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::control {

struct LogLosses {
  uint64_t lines = 0;   ///< never goes back
  std::string cause{};  ///< of the last ones; empty: none were lost
};

}  // namespace sluice::control
