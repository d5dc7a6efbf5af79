// How many requests a backend takes at a time, counted over all workers; and which workers wait for one to
// end.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::upstream {

/// Any thread. Who finds it full says that it waits and then looks again; who leaves looks who waits: so one
/// of the two always sees the other.
class Room {
 public:
  explicit Room(unsigned workers) : waiting_(workers) {}

  /// False when `most` are inside.
  bool enter(uint32_t most);
  void leave() { inside_.fetch_sub(1); }
  uint32_t inside() const { return inside_.load(); }

  void set_waiting(unsigned worker, bool waits) { waiting_[worker].store(waits); }
  bool is_awaited_by_others(unsigned worker) const;
  /// Each in its turn; nothing when none waits.
  std::optional<unsigned> next_waiting();

 private:
  std::atomic<uint32_t> inside_{0};
  std::atomic<uint32_t> turn_{0};
  std::vector<std::atomic<bool>> waiting_;  // by worker
};

}  // namespace sluice::upstream
