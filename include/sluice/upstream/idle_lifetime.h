// How long a backend keeps connections that are idle, learned from what becomes of them, so that nothing is
// sent over one that the backend is about to close. Pure.
//
// A busy machine delays both closes and their arrival, so a time that was seen is rather too long than too
// short, and a time that is too short costs no more than new connections. Hence the shortest close counts,
// and what lasts longer raises it slowly: a backend may have been restarted, or configured anew.
#pragma once

#include <sluice/base/clock.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace sluice::upstream {

/// One worker's, of one backend.
class IdleLifetime {
 public:
  /// A connection that had been idle so long was open still.
  void survived(Duration idle, TimePoint now);
  /// The backend closed a connection that had been idle so long. A backend that restarts closes young ones,
  /// too: connections that last longer put that right later.
  void closed_after(Duration idle, TimePoint now);
  /// survived() would learn from that. To find out whether the connection is open costs a system call, so
  /// this is false for small differences.
  bool is_news(Duration idle, TimePoint now) const;
  /// A connection has answered another request than its first.
  void answered_again() {
    closed_after_one_ = 0;
    keeps_ = true;
  }
  /// The backend has closed a connection, unannounced, so long after the only request that it answered.
  void closed_after_one(Duration idle) {
    if (idle < kLong) closed_after_one_ = std::min(closed_after_one_ + 1, kMany);
  }
  /// It seems to close each connection after its first answer: none is to be used again, but for one that has
  /// been idle for kLong and shows that this has changed.
  bool closes_each() const { return closed_after_one_ >= (keeps_ ? kMany : 1); }
  /// Not a single connection has shown that it keeps them.
  bool is_unknown() const { return !keeps_ && closed_after_one_ == 0; }

  /// Servers that close after each answer do so within this time, or surely within that.
  static constexpr Duration kShort{100};
  static constexpr Duration kLong{1000};
  /// What was seen is trusted up to three quarters, and at least this much less: a close may be seen that
  /// late.
  static constexpr Duration kMargin{1000};
  /// The shortest close that was seen holds so long. Then, if connections outlast it, it grows by a quarter,
  /// or by kGrowth if that is more, and holds as long again.
  static constexpr Duration kHold{60'000};
  static constexpr Duration kGrowth{250};

  /// The value of a Keep-Alive field of its: "timeout=5, max=100".
  void advertised(std::string_view value);
  /// What may not be sent twice may go over a connection that has been idle no longer than this. `unproven`:
  /// how long that is in any case.
  Duration trusted(Duration unproven) const { return std::max(unproven, trusted_); }
  /// The backend has said that it closes connections that have been idle for so long, or was seen to. False
  /// while nothing is known.
  bool may_close_at(Duration idle) const {
    return closes_at_ && idle >= *closes_at_ * 3 / 4 && (said_ || idle < *closes_at_ * 5 / 4);
  }

 private:
  void outlasted(Duration idle, TimePoint now);
  void prove(Duration idle);

  static constexpr int kMany = 8;  // a restart closes some, too

  Duration trusted_{};
  Duration proven_{};                 // at most limit_
  Duration limit_ = Duration::max();  // the shortest close, or more once connections have outlasted it
  TimePoint limited_at_{};            // when that was seen last, or has grown
  int closed_after_one_ = 0;          // in a row
  bool keeps_ = false;
  std::optional<Duration> said_;
  std::optional<Duration> closes_at_;  // as it said, or was seen to, and not outlasted since
};

}  // namespace sluice::upstream
