#include <sluice/base/text.h>
#include <sluice/desired/pauses.h>

#include <algorithm>
#include <utility>

namespace sluice::desired {
namespace {

constexpr Duration kAgain{100};  // when changes are held at the moment

}  // namespace

Pauses::Pauses(Deadlines& deadlines, Log& log, End end)
    : deadlines_(deadlines), log_(log), end_(std::move(end)) {}

void Pauses::apply(const PauseChanges& pauses, std::string_view cause) {
  const PauseChanges before = std::exchange(pauses_, pauses);
  for (const auto& [pool, pause] : pauses_) {
    const auto was = before.find(pool);
    if (was != before.end() && was->second == pause) continue;
    std::string line = "pool paused" + field("pool", pool) + field("cause", cause);
    if (pause.until) line += field("for_ms", (*pause.until - deadlines_.clock().now()).count());
    log_.info(line);
  }
  for (const auto& [pool, unused] : before) {
    if (!pauses_.contains(pool)) log_.info("pool resumed" + field("pool", pool) + field("cause", cause));
  }
  wait_for_next();
}

void Pauses::wait_for_next() {
  next_.disarm();
  std::optional<TimePoint> first;
  for (const auto& [pool, pause] : pauses_) {
    if (pause.until && (!first || *pause.until < *first)) first = pause.until;
  }
  if (first) deadlines_.arm(next_, std::max(*first - deadlines_.clock().now(), Duration{1}));
}

void Pauses::look() {
  std::vector<PauseEdit> over;
  for (const auto& [pool, pause] : pauses_) {
    if (pause.until && *pause.until <= deadlines_.clock().now()) over.push_back({.pool = pool});
  }
  if (over.empty()) return wait_for_next();
  if (!end_(over, "pause_over")) deadlines_.arm(next_, kAgain);
}

void Pauses::end_all(const char* cause) {
  std::vector<PauseEdit> all;
  for (const auto& [pool, unused] : pauses_) all.push_back({.pool = pool});
  if (!all.empty()) static_cast<void>(end_(all, cause));
}

Result<void> Pauses::require_none() const {
  if (pauses_.empty()) return {};
  return Error{.code = ErrorCode::conflict,
               .message = concat({"pool \"", pauses_.begin()->first, "\" is paused, resume it first"})};
}

}  // namespace sluice::desired
