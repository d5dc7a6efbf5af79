#include <sluice/upstream/ejection.h>

#include <algorithm>

namespace sluice::upstream {
namespace {

constexpr unsigned kMostDoublings = 30;

}  // namespace

Duration ejection_time(unsigned count, const config::Ejection& settings) {
  Duration time = settings.time;
  for (unsigned i = 1; i < std::min(count, kMostDoublings) && time < settings.most_time; ++i) time *= 2;
  return std::min(time, settings.most_time);
}

Duration Ejection::begin(TimePoint now, const config::Ejection& settings) {
  count_ = std::min(count(now, settings) + 1, kMostDoublings);
  is_ejected_ = true;
  const Duration time = ejection_time(count_, settings);
  until_ = now + time;
  return time;
}

Duration Ejection::left(TimePoint now) const {
  return is_ejected_ ? std::max(until_ - now, Duration::zero()) : Duration::zero();
}

unsigned Ejection::count(TimePoint now, const config::Ejection& settings) const {
  if (is_ejected_) return count_;
  unsigned count = count_;
  TimePoint forgotten = until_;
  while (count > 0 && (forgotten += ejection_time(count, settings)) <= now) --count;
  return count;
}

void Ejection::recall(TimePoint now, unsigned count, Duration left) {
  count_ = std::min(count, kMostDoublings);
  is_ejected_ = left > Duration::zero();
  until_ = now + left;
}

bool may_eject(size_t backends, size_t ejected, size_t others, const config::Ejection& settings) {
  const size_t share = std::max<size_t>(1, backends * settings.share / 100);
  return others > 0 && ejected < share;
}

}  // namespace sluice::upstream
