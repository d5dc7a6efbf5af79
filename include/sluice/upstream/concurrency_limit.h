// How many requests a backend takes at a time, counted over all workers; and which workers wait for one to
// end.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::upstream {

/// Any thread. A worker that finds it full says that it waits and then looks again; a worker that leaves then
/// looks for waiting ones: so one of the two always sees the other.
class ConcurrencyLimit {
 public:
  static constexpr unsigned kMostWorkers = 256;

  /// False when `most` are inside.
  bool enter(uint32_t most);
  void leave() { inside_.fetch_sub(1); }
  uint32_t inside() const { return inside_.load(); }

  /// `worker` is below kMostWorkers. Whether it waits now and did not before: then it has to look again.
  bool set_waiting(unsigned worker, bool waits);
  bool has_waiters_elsewhere(unsigned worker) const;
  /// Each in its turn; nothing when none waits.
  std::optional<unsigned> next_waiting();

 private:
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> turn_{0};
  std::array<std::atomic<uint64_t>, kMostWorkers / 64> waiting_{};  // a bit for each worker
};

}  // namespace sluice::upstream
