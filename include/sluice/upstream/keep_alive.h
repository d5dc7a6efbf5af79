// How long a backend keeps connections that are idle, learned from what becomes of them, so that nothing is
// sent over one that the backend is about to close. Pure.
#pragma once

#include <sluice/base/clock.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace sluice::upstream {

/// One worker's, of one backend.
class KeepAlive {
 public:
  /// A connection that had been idle so long was open still.
  void lasted(Duration idle) { proven_ = std::max(proven_, said_ ? std::min(idle, *said_) : idle); }
  /// The backend closed one that had been idle so long. One that restarts closes young ones, too: those that
  /// last longer prove it later.
  void closed(Duration idle) { proven_ = std::min(proven_, idle); }
  /// The value of a Keep-Alive field of its: "timeout=5, max=100".
  void said(std::string_view value);
  /// What may not be sent twice may go over a connection that has been idle no longer than this. `unproven`:
  /// how long that is in any case.
  Duration trusted(Duration unproven) const { return std::max(unproven, proven_ * 3 / 4); }

 private:
  Duration proven_{};
  std::optional<Duration> said_;
};

}  // namespace sluice::upstream
