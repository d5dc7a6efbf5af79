// How many requests to one backend have failed since one went well, counted over all workers.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::upstream {

/// Any thread. While all is well it is only ever read.
class ConsecutiveFailures {
 public:
  /// One went well.
  void end() {
    if (failures_.load(std::memory_order_relaxed) != 0) failures_.store(0, std::memory_order_relaxed);
  }
  /// One failed. True when the row is full with it: once for each `most`, whichever worker that is.
  bool add(uint32_t most) { return (failures_.fetch_add(1, std::memory_order_relaxed) + 1) % most == 0; }
  uint32_t length() const { return failures_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> failures_{0};
};

}  // namespace sluice::upstream
