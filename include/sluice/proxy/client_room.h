// How many client connections there are, over all workers, and which worker has the connection that has
// rested the longest: for server.max_connections.
#pragma once

#include <sluice/base/clock.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::proxy {

/// Any thread. The count changes when a connection comes and when it goes; a worker writes since when its own
/// rest, on a cache line that is its own.
class ClientRoom {
 public:
  static constexpr unsigned kMostWorkers = 256;
  static constexpr int64_t kNone = INT64_MAX;
  /// When the connection longest at rest began to, in milliseconds of the monotonic clock; kNone: none does.
  using RestingSince = std::atomic<int64_t>;

  ClientRoom() {
    for (auto& worker : workers_) worker.since.store(kNone, std::memory_order_relaxed);
  }

  void enter() { open_.fetch_add(1, std::memory_order_relaxed); }
  void leave() { open_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t open() const { return open_.load(std::memory_order_relaxed); }

  RestingSince& resting_since(unsigned worker) { return workers_.at(worker).since; }
  /// The worker whose connection has rested the longest, if it does since `latest` or before.
  std::optional<unsigned> longest_resting(TimePoint latest) const {
    std::optional<unsigned> found;
    int64_t since = latest.time_since_epoch().count() + 1;
    for (unsigned i = 0; i < kMostWorkers; ++i) {
      const int64_t its = workers_[i].since.load(std::memory_order_relaxed);
      if (its >= since) continue;
      since = its;
      found = i;
    }
    return found;
  }

 private:
  struct alignas(64) Worker {
    RestingSince since;
  };
  std::atomic<uint64_t> open_{0};
  std::array<Worker, kMostWorkers> workers_;
};

}  // namespace sluice::proxy
