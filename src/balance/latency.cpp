#include <sluice/balance/latency.h>

#include <algorithm>
#include <cmath>

namespace sluice::balance {
namespace {

constexpr double kLeast = 1;      // ms
constexpr double kTime = 10'000;  // ms, in which what is known loses all but 1/e of its weight

double kept(TimePoint since, TimePoint now) {
  if (now <= since) return 1;
  return std::exp(-static_cast<double>((now - since).count()) / kTime);
}

}  // namespace

void Latency::record(TimePoint now, Duration took) {
  const double sample = std::max(kLeast, static_cast<double>(took.count()));
  if (average_ == 0) {
    average_ = sample;
    last_ = now;
  }
  if (now <= last_) return;
  const double keep = kept(last_, now);
  average_ = average_ * keep + sample * (1 - keep);
  last_ = now;
}

double Latency::at(TimePoint now) const {
  return std::max(kLeast, average_ * kept(last_, now));
}

}  // namespace sluice::balance
