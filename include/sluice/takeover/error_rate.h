// Whether a new process answers worse than its predecessor did. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/config/probation.h>
#include <sluice/observe/totals.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::takeover {

/// How requests have ended that Sluice and its backends were to answer. Not counted are those that the client
/// left (it is unknown how they would have ended), and those that it spoiled: bad ones, slow ones, and those
/// that no route takes.
struct ErrorRate {
  uint64_t answers = 0;
  uint64_t failures = 0;  ///< of these: a failure of Sluice's own or of a backend
  bool operator==(const ErrorRate&) const = default;
};

ErrorRate error_rate_of(const observe::Totals& totals);
/// What has come to `earlier` since.
ErrorRate since(const ErrorRate& earlier, const ErrorRate& now);
/// "answers=40 failures=2", the words with `prefix` before them.
std::string words(const ErrorRate& figures, std::string_view prefix = "");

/// At least `probation.failures`, and a share of failures above twice the share before plus
/// `probation.percent`.
bool is_worse(const ErrorRate& before, const ErrorRate& now, const config::Probation& probation);

/// The figures of the last minute or so, of a process that may be taken over from at any moment.
class RecentErrorRates {
 public:
  static constexpr Duration kInterval{5000};  ///< to be noted so often
  static constexpr Duration kSpan{60'000};

  void note(TimePoint now, ErrorRate figures);
  /// Since the oldest that is noted, which is from kSpan ago at the most; of the whole time when none is.
  ErrorRate until(const ErrorRate& now) const;

 private:
  std::deque<std::pair<TimePoint, ErrorRate>> noted_;
};

}  // namespace sluice::takeover
