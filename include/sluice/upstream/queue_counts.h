// How many requests wait in each pool's queue, over all workers: the bound is the pool's, not each worker's.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace sluice::upstream {

/// One pool's. Any thread, no lock.
class QueueCount {
 public:
  void add() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void remove() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t get() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> waiting_{0};
};

/// Any thread. Locks for the moment of a look-up: for when a worker first hears of a pool.
class QueueCounts {
 public:
  /// The same for all who have it at a time.
  std::shared_ptr<QueueCount> of(const std::string& pool) {
    const std::lock_guard lock(mutex_);
    std::erase_if(counts_, [](const auto& entry) { return entry.second.expired(); });
    auto& known = counts_[pool];
    auto count = known.lock();
    if (!count) known = count = std::make_shared<QueueCount>();
    return count;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<QueueCount>> counts_;
};

}  // namespace sluice::upstream
