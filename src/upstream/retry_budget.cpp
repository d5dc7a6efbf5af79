#include <sluice/upstream/retry_budget.h>

#include <algorithm>
#include <chrono>

namespace sluice::upstream {
namespace {

constexpr double kSavedSeconds = 10;
constexpr double kOneRetry = 0.999;  // Sums of fractions end up a little below it.

}  // namespace

void RetryBudget::set(unsigned percent, double minimum) {
  percent_ = percent;
  minimum_ = minimum;
}

bool RetryBudget::take(TimePoint now) {
  refill(now);
  if (left_ < kOneRetry) return false;
  left_ = std::max(0.0, left_ - 1);
  return true;
}

/// The clock is read only for a retry: long after the last the mean rate of the requests since then counts.
void RetryBudget::refill(TimePoint now) {
  const double seconds = std::chrono::duration<double>(now - refilled_).count();
  if (seconds < 1 && !is_full_) return;
  const double share = static_cast<double>(requests_) * percent_ / 100;
  const double a_second = minimum_ + share / std::max(1.0, seconds);
  // One at least, where any are allowed: many workers share the minimum.
  const double most = a_second > 0 ? std::max(1.0, a_second * kSavedSeconds) : 0;
  left_ = is_full_ ? most : std::min(most, left_ + a_second * seconds);
  is_full_ = false;
  requests_ = 0;
  refilled_ = now;
}

}  // namespace sluice::upstream
