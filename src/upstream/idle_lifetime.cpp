#include <sluice/base/text.h>
#include <sluice/upstream/idle_lifetime.h>

namespace sluice::upstream {
namespace {

constexpr std::string_view kTimeout = "timeout=";
constexpr uint64_t kMostSeconds = 24 * 60 * 60;

/// Nothing when there is none, or none that is a number.
std::optional<Duration> timeout_of(std::string_view value) {
  while (!value.empty()) {
    const size_t end = std::min(value.find(','), value.size());
    const std::string_view parameter = trim(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
    if (!equals_ignoring_case(parameter.substr(0, kTimeout.size()), kTimeout)) continue;
    const auto seconds = parse_unsigned(parameter.substr(kTimeout.size()));
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(std::min(*seconds, kMostSeconds));
  }
  return std::nullopt;
}

}  // namespace

void IdleLifetime::survived(Duration idle, TimePoint now) {
  if (idle >= kLong) closed_after_one_ = 0;
  if (idle >= kShort && closed_after_one_ == 0) keeps_ = true;
  const Duration counted = said_ ? std::min(idle, *said_) : idle;
  if (counted > limit_) outlasted(counted, now);
  prove(std::max(proven_, std::min(counted, limit_)));
}

void IdleLifetime::closed_after(Duration idle, TimePoint now) {
  // The backend's clock has begun before ours.
  if (said_ && idle < *said_ && *said_ - idle <= kShort) idle = *said_;
  if (idle - idle / 5 > limit_) {
    outlasted(idle, now);  // A late close, or another time for all: which of them only others can show.
  } else {
    limit_ = std::min(limit_, idle);
    limited_at_ = now;
    prove(std::min(proven_, limit_));
  }
  closes_at_ = std::min(closes_at_.value_or(idle), idle);
}

bool IdleLifetime::is_news(Duration idle, TimePoint now) const {
  if (!keeps_ && idle >= kShort) return true;
  if (closed_after_one_ != 0 && idle >= kLong) return true;
  const Duration counted = said_ ? std::min(idle, *said_) : idle;
  if (counted > limit_ && now - limited_at_ >= kHold) return true;
  return std::min(counted, limit_) >= proven_ + std::max(proven_ / 8, kShort);
}

void IdleLifetime::outlasted(Duration idle, TimePoint now) {
  if (now - limited_at_ < kHold) return;
  limit_ += std::max(limit_ / 4, kGrowth);
  limited_at_ = now;
  if (closes_at_ && idle >= *closes_at_ * 5 / 4) closes_at_ = said_;
}

void IdleLifetime::prove(Duration idle) {
  proven_ = idle;
  const bool is_as_said = said_ == idle;
  trusted_ = idle - std::max(idle / 4, is_as_said ? Duration{} : kMargin);
}

void IdleLifetime::advertised(std::string_view value) {
  const auto timeout = timeout_of(value);
  if (!timeout || said_ == timeout) return;
  said_ = timeout;
  closes_at_ = timeout;
  limit_ = *timeout;
  prove(*timeout);
}

}  // namespace sluice::upstream
