#include <sluice/base/check.h>
#include <sluice/upstream/concurrency_limit.h>

#include <bit>

namespace sluice::upstream {

bool ConcurrencyLimit::enter(uint32_t most) {
  uint32_t inside = inside_.load();
  while (inside < most) {
    if (inside_.compare_exchange_weak(inside, inside + 1)) return true;
  }
  return false;
}

bool ConcurrencyLimit::set_waiting(unsigned worker, bool waits) {
  CHECK(worker < kMostWorkers);
  const uint64_t bit = uint64_t{1} << worker % 64;
  auto& word = waiting_[worker / 64];
  if (((word.load() & bit) != 0) == waits) return false;
  if (waits) {
    word.fetch_or(bit);
  } else {
    word.fetch_and(~bit);
  }
  return waits;
}

bool ConcurrencyLimit::has_waiters_elsewhere(unsigned worker) const {
  for (unsigned i = 0; i < waiting_.size(); ++i) {
    uint64_t word = waiting_[i].load(std::memory_order_relaxed);
    if (worker / 64 == i) word &= ~(uint64_t{1} << worker % 64);
    if (word != 0) return true;
  }
  return false;
}

std::optional<unsigned> ConcurrencyLimit::next_waiting() {
  const unsigned first = (turn_.load(std::memory_order_relaxed) + 1) % kMostWorkers;
  // The word of the turn comes twice: at first only from the turn on.
  for (unsigned step = 0; step <= waiting_.size(); ++step) {
    const unsigned at = (first / 64 + step) % static_cast<unsigned>(waiting_.size());
    uint64_t word = waiting_[at].load();
    if (step == 0) word &= ~uint64_t{0} << first % 64;
    if (word == 0) continue;
    const unsigned worker = at * 64 + static_cast<unsigned>(std::countr_zero(word));
    turn_.store(worker, std::memory_order_relaxed);
    return worker;
  }
  return std::nullopt;
}

}  // namespace sluice::upstream
