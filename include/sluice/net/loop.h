// One thread's event loop over libuv: turns, time, deadlines, and tasks posted by other threads.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>

#include <functional>
#include <memory>
#include <span>

struct uv_loop_s;

namespace sluice::net {

class Later;

/// One thread's, but for post(). Everything on it is destroyed before it: its destructor runs the loop until
/// the last handle has closed and CHECKs that none is left, so every test of something on a loop is a leak
/// test.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until stop(). May be run again.
  void run();
  /// Runs turns until `done()` or until `bound` is over; returns done(). For tests and short-lived clients.
  bool run_until(const std::function<bool()>& done, Duration bound);
  /// Makes run() return after this turn.
  void stop();

  /// Runs `task` on the loop's thread in a later turn, in order of posting. Any thread. Tasks that were not
  /// run when the loop is destroyed are dropped.
  void post(std::function<void()> task);

  /// Runs `later` once, in a later turn, at no cost. Does nothing when it is to run already.
  void run_later(Later& later);

  /// The time of this turn; does not move within it.
  const Clock& clock() const;
  /// All deadlines on this loop, swept by one timer.
  Deadlines& deadlines();
  /// The loop's one read buffer (64 KiB): valid until the next read on this loop.
  std::span<char> scratch();

  /// For net/ only.
  uv_loop_s* raw();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
