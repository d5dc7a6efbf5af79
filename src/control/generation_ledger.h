// Which generations live, and on which workers. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/proxy/generation.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace sluice::control {

class GenerationLedger {
 public:
  struct Entry {
    std::shared_ptr<proxy::Generation> generation;
    TimePoint since;
    std::set<unsigned> workers;  ///< that have not said yet that it is empty
  };

  /// These workers are sent the generation.
  void publish(std::shared_ptr<proxy::Generation> generation, TimePoint now, std::set<unsigned> workers) {
    for (const unsigned worker : workers) adopted_.try_emplace(worker, 0);
    entries_.push_back({std::move(generation), now, std::move(workers)});
  }

  /// The worker takes this one as its newest.
  void adopted(unsigned worker, uint64_t number) {
    if (const auto known = adopted_.find(worker); known != adopted_.end()) known->second = number;
  }

  /// The worker has dropped it; true when it was the last to do so, and the generation is gone.
  bool drained(unsigned worker, uint64_t number) {
    const auto entry = std::ranges::find(entries_, number, number_of);
    if (entry == entries_.end() || entry->workers.erase(worker) == 0 || !entry->workers.empty()) return false;
    entries_.erase(entry);
    return true;
  }

  /// Nothing more comes from it. Answers the generations that are gone with it.
  std::vector<uint64_t> worker_gone(unsigned worker) {
    adopted_.erase(worker);
    std::vector<uint64_t> gone;
    for (Entry& entry : entries_) {
      if (entry.workers.erase(worker) > 0 && entry.workers.empty()) gone.push_back(number_of(entry));
    }
    std::erase_if(entries_, [](const Entry& entry) { return entry.workers.empty(); });
    return gone;
  }

  bool is_adopted(uint64_t number) const {
    return std::ranges::all_of(adopted_, [number](const auto& worker) { return worker.second >= number; });
  }

  /// The current one, which is the last, and those that drain.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  static uint64_t number_of(const Entry& entry) { return entry.generation->number(); }

  std::map<unsigned, uint64_t> adopted_;  // by worker
  std::vector<Entry> entries_;
};

}  // namespace sluice::control
