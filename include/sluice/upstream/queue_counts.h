// How many requests wait in each pool's queue, over all workers: the bound is the pool's, not each worker's.
#pragma once

#include <sluice/base/clock.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sluice::upstream {

/// One pool's. Any thread; what a request does takes no lock.
class QueueCount {
 public:
  void add() { waiting_.fetch_add(1, std::memory_order_relaxed); }
  void remove() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t get() const { return waiting_.load(std::memory_order_relaxed); }

  /// When the request that has waited longest at one worker came; nothing while none waits there.
  class Oldest {
   public:
    void set(std::optional<TimePoint> since) {
      since_.store(since ? since->time_since_epoch().count() : kNone, std::memory_order_relaxed);
    }
    std::optional<TimePoint> get() const {
      const auto since = since_.load(std::memory_order_relaxed);
      return since == kNone ? std::nullopt : std::optional(TimePoint(Duration(since)));
    }

   private:
    static constexpr Duration::rep kNone = std::numeric_limits<Duration::rep>::min();
    std::atomic<Duration::rep> since_{kNone};
  };
  /// A worker's, for as long as it has the pool. Locks, as the next.
  std::shared_ptr<Oldest> add_worker() {
    const std::lock_guard lock(mutex_);
    std::erase_if(oldest_, [](const auto& each) { return each.expired(); });
    auto made = std::make_shared<Oldest>();
    oldest_.push_back(made);
    return made;
  }
  std::optional<TimePoint> oldest() const {
    const std::lock_guard lock(mutex_);
    std::optional<TimePoint> oldest;
    for (const auto& each : oldest_) {
      const auto worker = each.lock();
      const auto since = worker ? worker->get() : std::nullopt;
      if (since && (!oldest || *since < *oldest)) oldest = since;
    }
    return oldest;
  }

 private:
  std::atomic<uint64_t> waiting_{0};
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<Oldest>> oldest_;  // by worker; guarded by mutex_
};

/// Any thread. Locks for the moment of a look-up: for when a worker first hears of a pool.
class QueueCounts {
 public:
  /// The same for all workers that have the pool at a time.
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
