// Deadlines that cost nothing when they do not fire: one FIFO list per length of time, so that arming is an
// append, and the owner of the timer sweeps the lists' fronts. Pure: the timer itself is in net/.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/list.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace sluice {

class Deadlines;

/// One bound in time, a member of what it bounds. Dropping it disarms it.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(std::function<void()> on_expiry) : on_expiry_(std::move(on_expiry)) {}

  void set_callback(std::function<void()> on_expiry) { on_expiry_ = std::move(on_expiry); }
  void disarm() { hook_.unlink(); }
  bool is_armed() const { return hook_.is_linked(); }

 private:
  friend class Deadlines;
  ListHook hook_;
  TimePoint when_;
  std::function<void()> on_expiry_;
};

/// All deadlines of one worker. One thread's; outlives nothing: deadlines may outlive it.
class Deadlines {
 public:
  explicit Deadlines(const Clock& clock) : clock_(clock) {}
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  /// (Re)arms: the callback runs `after` from now, unless disarmed. Zero or less means no bound: disarms.
  void arm(Deadline& deadline, Duration after);

  /// Runs what is due. Callbacks may arm, disarm and destroy deadlines.
  void expire();

  /// The earliest time at which expire() has something to do; may be early, never late.
  std::optional<TimePoint> next() const;

  /// Runs whenever next() has moved to an earlier time than any before (set by the owner of the timer).
  void on_earlier(std::function<void(TimePoint)> callback) { on_earlier_ = std::move(callback); }

  const Clock& clock() const { return clock_; }
  /// That have a list, used or not.
  size_t lengths() const { return queues_.size(); }

 private:
  struct Queue {
    Duration length;
    List<Deadline, &Deadline::hook_> deadlines;
  };
  Queue& queue_for(Duration length);
  void drop_unused();

  const Clock& clock_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::optional<TimePoint> announced_;
  std::function<void(TimePoint)> on_earlier_;
};

}  // namespace sluice
