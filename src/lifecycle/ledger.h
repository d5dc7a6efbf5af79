// Which generations live, and on which workers. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/proxy/generation.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::lifecycle {

class Ledger {
 public:
  explicit Ledger(unsigned workers) : adopted_(workers, 0) {}

  struct Entry {
    std::shared_ptr<proxy::Generation> generation;
    TimePoint since;
    unsigned workers_left;  ///< that have not said yet that it is empty
  };

  void publish(std::shared_ptr<proxy::Generation> generation, TimePoint now) {
    entries_.push_back({std::move(generation), now, static_cast<unsigned>(adopted_.size())});
  }

  /// The worker takes this one as its newest.
  void adopted(unsigned worker, uint64_t number) { adopted_[worker] = number; }

  /// The worker has dropped it; true when it was the last to do so, and the generation is gone.
  bool drained(uint64_t number) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->generation->number() != number) continue;
      if (--entry->workers_left > 0) return false;
      entries_.erase(entry);
      return true;
    }
    return false;
  }

  bool is_adopted(uint64_t number) const {
    for (const uint64_t adopted : adopted_) {
      if (adopted < number) return false;
    }
    return true;
  }

  /// The current one, which is the last, and those that drain.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<uint64_t> adopted_;  // by worker
  std::vector<Entry> entries_;
};

}  // namespace sluice::lifecycle
