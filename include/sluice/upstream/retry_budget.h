// How many retries a pool allows itself: a share of its requests, and a few a second in any case, so that
// backends in trouble are not buried by what is tried again. Pure.
#pragma once

#include <sluice/base/clock.h>

#include <cstdint>

namespace sluice::upstream {

/// One worker's, of one pool. What is not used is saved up, for ten seconds at most; it begins full.
class RetryBudget {
 public:
  explicit RetryBudget(TimePoint start) : refilled_(start) {}

  /// `percent` of the requests; `minimum` retries a second.
  void set(unsigned percent, double minimum);
  /// There is one request more.
  void count_request() { ++requests_; }
  /// Takes a retry; false when there is none left.
  bool take(TimePoint now);

 private:
  void refill(TimePoint now);

  uint64_t requests_ = 0;  // since refilled_
  TimePoint refilled_;
  double percent_ = 0;
  double minimum_ = 0;
  double left_ = 0;
  bool is_full_ = true;  // Nothing was ever taken.
};

}  // namespace sluice::upstream
