// Whether a new process answers worse than the one before it did. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/config/probation.h>
#include <sluice/lifecycle/totals.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::lifecycle {

/// How requests have ended. Those that the client left are not counted: nobody knows how they would have.
struct Figures {
  uint64_t answers = 0;
  uint64_t failures = 0;  ///< of these: a failure of Sluice's own or of a backend
  bool operator==(const Figures&) const = default;
};

Figures figures_of(const Totals& totals);
/// What has come to `earlier` since.
Figures since(const Figures& earlier, const Figures& now);
/// "answers=40 failures=2", the words with `prefix` before them.
std::string words(const Figures& figures, std::string_view prefix = "");

/// At least so many failures, and a share of them that is more than twice the one before and so many percent.
bool is_worse(const Figures& before, const Figures& now, const config::Probation& probation);

/// The figures of the last minute or so, of a process that may be taken over from at any moment.
class RecentFigures {
 public:
  static constexpr Duration kInterval{5000};  ///< to be noted so often
  static constexpr Duration kSpan{60'000};

  void note(TimePoint now, Figures figures);
  /// Since the oldest that is noted, which is from kSpan ago at the most; of the whole time when none is.
  Figures until(const Figures& now) const;

 private:
  std::deque<std::pair<TimePoint, Figures>> noted_;
};

}  // namespace sluice::lifecycle
