// How long a backend has taken to answer lately, as an average that forgets.
#pragma once

#include <sluice/base/clock.h>

namespace sluice::balance {

/// A value; one worker's view. An average over time: what was 10 s ago counts for a third of what is now.
/// While nothing comes it sinks, so that a backend that was slow once is asked again some day.
class Latency {
 public:
  void record(TimePoint now, Duration took);
  /// In milliseconds, at least 1: less than that is noise, and a backend that nothing is known of looks fast.
  double at(TimePoint now) const;

 private:
  double average_ = 0;
  TimePoint last_{};
};

}  // namespace sluice::balance
