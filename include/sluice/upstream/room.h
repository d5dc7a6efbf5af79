// How many requests a backend takes at a time, counted over all workers; and which workers wait for one to
// end.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::upstream {

/// Any thread. Who finds it full says that it waits and then looks again; who leaves looks who waits: so one
/// of the two always sees the other.
class Room {
 public:
  static constexpr unsigned kMostWorkers = 256;

  /// False when `most` are inside.
  bool enter(uint32_t most);
  void leave() { inside_.fetch_sub(1); }
  uint32_t inside() const { return inside_.load(); }

  /// `worker` is below kMostWorkers.
  void set_waiting(unsigned worker, bool waits);
  bool is_awaited_by_others(unsigned worker) const;
  /// Each in its turn; nothing when none waits.
  std::optional<unsigned> next_waiting();

 private:
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> turn_{0};
  std::array<std::atomic<uint64_t>, kMostWorkers / 64> waiting_{};  // a bit for each worker
};

}  // namespace sluice::upstream
