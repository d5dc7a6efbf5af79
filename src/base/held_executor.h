// An executor for tests: its time stands still until the test lets it pass.
#pragma once

#include <sluice/base/executor.h>

#include <functional>
#include <utility>
#include <vector>

namespace sluice {

/// Made before the executor that refers to it.
struct HeldTime {
  HeldClock held_clock{};
  Deadlines held_deadlines{held_clock};
};

/// One thread's, post() too.
class HeldExecutor final : private HeldTime, public Executor {
 public:
  HeldExecutor() : Executor(held_deadlines) {}

  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void run_later(Later& later) override { later_.add(later); }

  /// One turn: what is due, and what was posted or put off before it.
  void turn() {
    held_deadlines.expire();
    for (auto& task : std::exchange(tasks_, {})) task();
    later_.run();
  }
  /// A turn in every millisecond of `time`.
  void pass(Duration time) {
    for (; time > Duration::zero(); time -= Duration{1}) {
      held_clock.advance(Duration{1});
      turn();
    }
  }

 private:
  std::vector<std::function<void()>> tasks_;
  LaterQueue later_;
};

}  // namespace sluice
