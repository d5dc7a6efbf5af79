// One thread's turns and time, as everything sees them that needs no more of an event loop: tests and
// simulations give an executor of their own, whose time stands still.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/later.h>

#include <functional>

namespace sluice {

/// One thread's, but for post(). Outlives what runs on it. Time costs no virtual call of its own.
class Executor {
 public:
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Runs `task` on the executor's thread in a later turn, in order of posting. Any thread. Tasks that were
  /// not run when the executor is destroyed are dropped.
  virtual void post(std::function<void()> task) = 0;
  /// Runs `later` once, in a later turn, at no cost. Does nothing when it is to run already.
  virtual void run_later(Later& later) = 0;

  /// The time of this turn; does not move within it.
  const Clock& clock() const { return deadlines_.clock(); }
  /// All deadlines of this thread.
  Deadlines& deadlines() { return deadlines_; }

 protected:
  explicit Executor(Deadlines& deadlines) : deadlines_(deadlines) {}
  ~Executor() = default;

 private:
  Deadlines& deadlines_;
};

}  // namespace sluice
