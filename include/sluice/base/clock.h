// Time, through an interface that a test can hold still.
#pragma once

#include <chrono>

namespace sluice {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

/// Monotonic time in milliseconds. One thread's; a loop's clock stands still within one turn of the loop.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

/// Time that moves only when a test says so.
class HeldClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{Duration{1}};
};

}  // namespace sluice
