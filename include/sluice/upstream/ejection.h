// One backend's ejection: for a time it gets nothing, since what it got failed again and again. The time
// doubles with each ejection, and falls back while all is well. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/config/ejection.h>

#include <cstddef>

namespace sluice::upstream {

class Ejection {
 public:
  bool is_ejected() const { return is_ejected_; }
  /// Begins, or begins anew, now; the answer is for how long.
  Duration begin(TimePoint now, const config::Ejection& settings);
  /// Its time is over, or it is ended early.
  void end(TimePoint now) {
    if (is_ejected_) until_ = now;
    is_ejected_ = false;
  }
  /// Zero when it is not ejected.
  Duration left(TimePoint now) const;
  /// Ejections that the next one's time goes by. One is forgotten for each time, as long as it brought,
  /// in which there was no other.
  unsigned count(TimePoint now, const config::Ejection& settings) const;
  /// Goes on with what another process knew.
  void recall(TimePoint now, unsigned count, Duration left);

 private:
  bool is_ejected_ = false;
  unsigned count_ = 0;
  TimePoint until_;  // of the last one
};

/// How long the ejection of this number, from 1 on, takes.
Duration ejection_time(unsigned count, const config::Ejection& settings);

/// Whether a backend may be ejected, of a pool with `backends` in all, of which so many are `ejected`, and so
/// many `others` get requests beside it. The last one never may.
bool may_eject(size_t backends, size_t ejected, size_t others, const config::Ejection& settings);

}  // namespace sluice::upstream
