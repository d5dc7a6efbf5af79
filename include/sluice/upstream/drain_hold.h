// What a backend has said in a response: that it drains. Its probes may go on passing; they count for nothing
// until it has restarted, or a time is over. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/upstream/health.h>

#include <algorithm>

namespace sluice::upstream {

class DrainHold {
 public:
  /// It has said so, once more perhaps.
  void begin(TimePoint now, Duration hold) { until_ = now + hold; }
  bool holds(TimePoint now) const { return now < until_; }
  /// Whether a probe's result counts. A failure means that the backend goes, or restarts, and a draining
  /// answer speaks for itself: from either on probes are believed again.
  bool believes(TimePoint now, ProbeResult::Kind probe) {
    if (holds(now) && probe == ProbeResult::Kind::passed) return false;
    end();
    return true;
  }
  void end() { until_ = {}; }
  Duration left(TimePoint now) const { return holds(now) ? until_ - now : Duration::zero(); }

 private:
  TimePoint until_;
};

}  // namespace sluice::upstream
