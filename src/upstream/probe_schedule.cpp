#include <sluice/upstream/probe_schedule.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {
namespace {

/// The golden ratio's: steps of it, round and round, are as far from each other as any can be.
constexpr double kPhaseStep = 0.6180339887498949;

/// splitmix64.
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

ProbeSchedule::ScheduledProbe::~ScheduledProbe() {
  if (schedule_ != nullptr) schedule_->leave(*this);
}

ProbeSchedule::ProbeSchedule(Deadlines& deadlines, uint64_t seed)
    : deadlines_(deadlines), next_([this] { on_time(); }), random_(seed) {}

ProbeSchedule::~ProbeSchedule() {
  CHECK(planned_.empty() && waiting_.empty() && under_way_ == 0);
}

void ProbeSchedule::plan(ScheduledProbe& turn, Duration after) {
  take_out(turn);
  turn.schedule_ = this;
  turn.state_ = ScheduledProbe::State::planned;
  turn.key_ = {deadlines_.clock().now() + after, order_++};
  planned_.emplace(turn.key_, &turn);
  arm();
  begin_waiting();
}

void ProbeSchedule::hurry(ScheduledProbe& turn) {
  if (turn.state_ == ScheduledProbe::State::under_way) return;
  take_out(turn);
  turn.schedule_ = this;
  turn.key_ = {deadlines_.clock().now(), order_++};
  turn.state_ = ScheduledProbe::State::waiting;
  waiting_.push_front(turn);
  ++waiting_count_;
  begin_waiting();
}

void ProbeSchedule::leave(ScheduledProbe& turn) {
  take_out(turn);
  begin_waiting();
}

Duration ProbeSchedule::jittered(Duration interval) {
  const int64_t most = interval.count() / 10;
  const auto off = static_cast<int64_t>(next_random(random_) % static_cast<uint64_t>(2 * most + 1)) - most;
  return interval + Duration(off);
}

Duration ProbeSchedule::spread(Duration interval) {
  phase_ += kPhaseStep;
  if (phase_ >= 1) phase_ -= 1;
  return Duration(1 + static_cast<int64_t>(phase_ * static_cast<double>(interval.count())));
}

ProbeSchedule::Load ProbeSchedule::load() const {
  Duration late = late_;
  const TimePoint now = deadlines_.clock().now();
  for (auto* each = waiting_.front(); each != nullptr; each = waiting_.next(*each)) {
    late = std::max(late, now - each->key_.first);
  }
  return {.under_way = under_way_, .waiting = waiting_count_, .late = late, .begun = begun_};
}

void ProbeSchedule::on_time() {
  const TimePoint now = deadlines_.clock().now();
  while (!planned_.empty() && planned_.begin()->first.first <= now) {
    ScheduledProbe& turn = *planned_.begin()->second;
    planned_.erase(planned_.begin());
    turn.state_ = ScheduledProbe::State::waiting;
    waiting_.push_back(turn);
    ++waiting_count_;
  }
  arm();
  begin_waiting();
}

/// For the earliest probe. If that has left, the deadline finds nothing, which costs less than arming anew.
void ProbeSchedule::arm() {
  if (planned_.empty()) return;
  const TimePoint first = planned_.begin()->first.first;
  if (next_.is_armed() && armed_for_ <= first) return;
  armed_for_ = first;
  deadlines_.arm(next_, std::max(first - deadlines_.clock().now(), Duration{1}));
}

/// A probe that has begun may be over at once and call this again: the outermost call goes on.
void ProbeSchedule::begin_waiting() {
  if (std::exchange(is_beginning_, true)) return;
  while (is_open_ && under_way_ < kMostAtOnce && !waiting_.empty()) begin(*waiting_.front());
  is_beginning_ = false;
}

void ProbeSchedule::begin(ScheduledProbe& turn) {
  take_out(turn);
  turn.state_ = ScheduledProbe::State::under_way;
  ++under_way_;
  ++begun_;
  late_ = deadlines_.clock().now() - turn.key_.first;
  turn.begin_();
}

void ProbeSchedule::take_out(ScheduledProbe& turn) {
  switch (std::exchange(turn.state_, ScheduledProbe::State::idle)) {
    case ScheduledProbe::State::idle:
      return;
    case ScheduledProbe::State::planned:
      planned_.erase(turn.key_);
      return;
    case ScheduledProbe::State::waiting:
      turn.hook_.unlink();
      --waiting_count_;
      return;
    case ScheduledProbe::State::under_way:
      --under_way_;
      return;
  }
}

}  // namespace sluice::upstream
