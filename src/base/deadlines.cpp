#include <sluice/base/deadlines.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr size_t kMostUnused = 16;  // lists that are kept for the next deadline of their length

}  // namespace

void Deadlines::arm(Deadline& deadline, Duration after) {
  if (after <= Duration::zero()) return deadline.disarm();
  const TimePoint when = clock_.now() + after;
  // Some are armed anew several times in one turn of the loop.
  if (deadline.is_armed() && deadline.when_ == when) return;
  deadline.disarm();
  deadline.when_ = when;
  queue_for(after).deadlines.push_back(deadline);
  if (announced_ && *announced_ <= deadline.when_) return;
  announced_ = deadline.when_;
  if (on_earlier_) on_earlier_(deadline.when_);
}

void Deadlines::expire() {
  const TimePoint now = clock_.now();
  announced_.reset();
  // By index: a callback may add a queue. Lengths are few (one per configured timeout, and for a while those
  // of tunnels that began after their listener's end), so a linear look is cheap.
  for (size_t i = 0; i < queues_.size(); ++i) {
    auto& due = queues_[i]->deadlines;
    while (Deadline* deadline = due.front()) {
      if (deadline->when_ > now) break;
      deadline->disarm();
      const auto callback = deadline->on_expiry_;  // A copy: it may destroy the deadline.
      if (callback) callback();
    }
  }
  drop_unused();
  const auto earliest = next();
  if (!earliest) return;
  announced_ = earliest;
  if (on_earlier_) on_earlier_(*earliest);
}

std::optional<TimePoint> Deadlines::next() const {
  std::optional<TimePoint> earliest;
  for (const auto& queue : queues_) {
    const Deadline* front = queue->deadlines.front();
    if (front != nullptr && (!earliest || front->when_ < *earliest)) earliest = front->when_;
  }
  return earliest;
}

Deadlines::Queue& Deadlines::queue_for(Duration length) {
  for (auto& queue : queues_) {
    if (queue->length == length) return *queue;
  }
  // A length that is not used any more gives its place to the new one, so reloads do not pile them up.
  const auto unused =
      std::ranges::find_if(queues_, [](const auto& queue) { return queue->deadlines.empty(); });
  if (queues_.size() >= kMostUnused && unused != queues_.end()) {
    (*unused)->length = length;
    return **unused;
  }
  queues_.push_back(std::make_unique<Queue>());
  queues_.back()->length = length;
  return *queues_.back();
}

/// Many lengths at a time leave as many lists behind, which each look would pass by.
void Deadlines::drop_unused() {
  if (queues_.size() <= kMostUnused) return;
  size_t surplus = queues_.size() - kMostUnused;
  std::erase_if(queues_, [&](const auto& queue) {
    if (surplus == 0 || !queue->deadlines.empty()) return false;
    --surplus;
    return true;
  });
}

}  // namespace sluice
