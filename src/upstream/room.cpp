#include <sluice/upstream/room.h>

namespace sluice::upstream {

bool Room::enter(uint32_t most) {
  uint32_t inside = inside_.load();
  while (inside < most) {
    if (inside_.compare_exchange_weak(inside, inside + 1)) return true;
  }
  return false;
}

bool Room::is_awaited_by_others(unsigned worker) const {
  for (unsigned other = 0; other < waiting_.size(); ++other) {
    if (other != worker && waiting_[other].load(std::memory_order_relaxed)) return true;
  }
  return false;
}

std::optional<unsigned> Room::next_waiting() {
  const auto workers = static_cast<unsigned>(waiting_.size());
  const unsigned first = turn_.load(std::memory_order_relaxed);
  for (unsigned step = 1; step <= workers; ++step) {
    const unsigned worker = (first + step) % workers;
    if (!waiting_[worker].load()) continue;
    turn_.store(worker, std::memory_order_relaxed);
    return worker;
  }
  return std::nullopt;
}

}  // namespace sluice::upstream
