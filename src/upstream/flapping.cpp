#include <sluice/upstream/flapping.h>

#include <algorithm>
#include <cstdint>

namespace sluice::upstream {
namespace {

constexpr unsigned kMostPassDoublings = 16;

}  // namespace

bool Flapping::fell(TimePoint now) {
  last_ = now;
  if (is_flapping()) {
    doublings_ = std::min(doublings_ + 1, kMostPassDoublings);
    return false;
  }
  falls_[count_++ % kFalls] = now;
  if (count_ < kFalls || now - falls_[count_ % kFalls] > kWindow) return false;
  doublings_ = 1;
  return true;
}

bool Flapping::calmed_down(TimePoint now) {
  if (!is_flapping() || now - last_ < kWindow) return false;
  forget();
  return true;
}

unsigned Flapping::passes_needed(unsigned rise, Duration interval) const {
  const auto in_window = static_cast<uint64_t>(kWindow / std::max(interval, Duration{1}));
  const uint64_t most = std::max<uint64_t>(rise, in_window);
  return static_cast<unsigned>(std::min(uint64_t{rise} << doublings_, most));
}

}  // namespace sluice::upstream
