// Connections between two requests, the longest at rest first.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/list.h>

#include <atomic>
#include <cstdint>

namespace sluice::wire {

/// One of them.
class Resting {
 public:
  /// Closes the connection, unless something has come on it that has not been read yet.
  virtual bool close_if_quiet() = 0;

  ListHook hook;
  TimePoint since{};

 protected:
  ~Resting() = default;
};

/// One worker's. Adding and removing cost no allocation and no system call: each request does both.
class RestingConnections {
 public:
  static constexpr int64_t kNone = INT64_MAX;

  /// Others may read there since when the longest rests; kNone when none does.
  void show_at(std::atomic<int64_t>& since) { since_ = &since; }
  void add(Resting& connection, TimePoint now) {
    connection.hook.unlink();
    connection.since = now;
    list_.push_back(connection);
    show();
  }
  void remove(Resting& connection) {
    if (!connection.hook.is_linked()) return;
    connection.hook.unlink();
    show();
  }
  /// Closes the longest-resting connection that is quiet, if it has rested since `latest` or before.
  bool close_longest(TimePoint latest) {
    Resting* connection = list_.front();
    for (int looked_at = 0; looked_at < kMostLookedAt && connection != nullptr; ++looked_at) {
      if (connection->since > latest) return false;
      Resting* const next = list_.next(*connection);
      if (connection->close_if_quiet()) return true;
      connection = next;
    }
    return false;
  }

 private:
  static constexpr int kMostLookedAt = 64;

  void show() {
    if (since_ == nullptr) return;
    const Resting* const longest = list_.front();
    since_->store(longest == nullptr ? kNone : longest->since.time_since_epoch().count(),
                  std::memory_order_relaxed);
  }

  List<Resting, &Resting::hook> list_;
  std::atomic<int64_t>* since_ = nullptr;
};

}  // namespace sluice::wire
