// One backend that falls again and again: it has to pass more probes each time before it is believed. Pure.
#pragma once

#include <sluice/base/clock.h>

#include <array>
#include <chrono>
#include <cstddef>

namespace sluice::upstream {

/// It flaps from the fifth fall within a minute on, until a minute was quiet.
class Flapping {
 public:
  static constexpr size_t kFalls = 5;
  static constexpr Duration kWindow = std::chrono::minutes(1);

  bool is_flapping() const { return doublings_ > 0; }
  /// Its probes passed, and do not any more. True when it flaps from now on.
  bool fell(TimePoint now);
  /// A probe failed after a pass: while it flaps that is no quiet, though the pass was not believed.
  void wavered(TimePoint now) { last_ = now; }
  /// True when it flaps no more.
  bool calmed_down(TimePoint now);
  /// In a row, to be healthy: `rise`, doubled with each fall from the fifth on, up to what a minute holds.
  unsigned passes_needed(unsigned rise, Duration interval) const;
  /// Nothing is known of it any more.
  void forget() { *this = {}; }

 private:
  std::array<TimePoint, kFalls> falls_{};  // a ring
  size_t count_ = 0;
  unsigned doublings_ = 0;
  TimePoint last_;
};

}  // namespace sluice::upstream
