#include <sluice/base/text.h>
#include <sluice/upstream/monitor.h>

#include <algorithm>
#include <utility>

#include "upstream/monitored_backend.h"

namespace sluice::upstream {

Monitor::Monitor(net::Network& network, Log& log, OnChecked on_checked, uint64_t seed,
                 OnTransition on_transition)
    : network_(network),
      log_(log),
      on_checked_(std::move(on_checked)),
      on_transition_(std::move(on_transition)),
      schedule_(network.executor().deadlines(), seed) {}

Monitor::~Monitor() {
  schedule_.close();
}

void Monitor::watch(const std::vector<Target>& targets) {
  ByState watched;
  Questions questions;
  for (const Target& target : targets) {
    const auto known = watched_.find(target.state.get());
    if (known != watched_.end()) watched[target.state.get()] = std::move(known->second);
  }
  watched_ = std::move(watched);
  // A backend's new state may matter to others: all are there before any begins.
  std::vector<MonitoredBackend*> new_ones;
  for (const Target& target : targets) {
    auto& entry = watched_[target.state.get()];
    if (entry) continue;
    entry =
        std::make_unique<MonitoredBackend>(*this, target, question_for(target.pool, questions), is_at_work_);
    new_ones.push_back(entry.get());
  }
  for (const Target& target : targets) {
    find(*target.state)->update(target.pool, question_for(target.pool, questions));
  }
  questions_ = std::move(questions);
  for (MonitoredBackend* each : new_ones) each->begin();
  for (const Target& target : targets) {
    if (find(*target.state)->is_ejected()) keep_one_available(target.pool->name);
  }
  is_at_work_ = true;
}

/// The pool's spec as it was, unless its backends are probed in another way now.
std::shared_ptr<const ProbeSpec> Monitor::question_for(const std::shared_ptr<const config::Pool>& pool,
                                                       Questions& questions) const {
  auto& entry = questions[pool->name];
  if (entry) return entry;
  const auto known = questions_.find(pool->name);
  const bool is_same = known != questions_.end() && known->second->is_of(*pool);
  entry = is_same ? known->second : std::make_shared<const ProbeSpec>(pool->health, pool->proxy_protocol);
  return entry;
}

void Monitor::check_now(const std::shared_ptr<BackendState>& state) {
  MonitoredBackend* const watched = find(*state);
  if (watched == nullptr) return on_checked_(state);
  watched->check_now();
}

void Monitor::tell_drained(const BackendState& state) {
  tell({.pool = state.pool(),
        .backend = state.address(),
        .from = state.health(),
        .to = HealthState::draining,
        .cause = "drained, by an admin"});
}

void Monitor::reset(const std::shared_ptr<BackendState>& state) {
  if (MonitoredBackend* const watched = find(*state)) watched->reset("ready, by an admin");
}

void Monitor::apply_evidence(const std::shared_ptr<BackendState>& state, const Evidence& evidence) {
  MonitoredBackend* const watched = find(*state);
  if (watched == nullptr) return on_checked_(state);
  watched->apply_evidence(evidence);
}

void Monitor::clear(const std::shared_ptr<BackendState>& state) {
  if (MonitoredBackend* const watched = find(*state)) watched->clear("ready, by an admin");
}

void Monitor::restore(const std::shared_ptr<BackendState>& state, const HealthRecord& standing) {
  if (MonitoredBackend* const watched = find(*state)) watched->restore(standing);
}

HealthRecord Monitor::health_record(const BackendState& state) const {
  const MonitoredBackend* const watched = find(state);
  return watched == nullptr ? HealthRecord() : watched->health_record();
}

Monitor::MonitoredBackend* Monitor::find(const BackendState& state) const {
  const auto found = watched_.find(&state);
  return found == watched_.end() ? nullptr : found->second.get();
}

/// Every change of a backend is reported here, and nowhere else.
void Monitor::tell(const Transition& transition) {
  log_.write(level(transition), log_line(transition));
  if (on_transition_) on_transition_(transition);
}

/// That is our own trouble, and likely to be every backend's turn: one line is enough.
void Monitor::tell_not_asked(const MonitoredBackend& watched, const std::string& cause) {
  const TimePoint now = network_.executor().clock().now();
  if (now < next_complaint_) return;
  next_complaint_ = now + MonitoredBackend::kComplain;
  const BackendState& state = watched.state();
  log_.warning("backend not asked" + field("pool", state.pool()) + field("backend", state.address().text()) +
               field("cause", cause));
}

// ---- what one may be, beside the others of its pool

/// A backend that fails is better than none.
void Monitor::keep_one_available(const std::string& pool) {
  std::vector<MonitoredBackend*> ejected;
  for (const auto& [state, watched] : watched_) {
    if (state->pool() != pool || !watched->is_wanted()) continue;
    if (state->health() == HealthState::healthy) return;
    if (watched->is_ejected()) ejected.push_back(watched.get());
  }
  for (MonitoredBackend* each : ejected) each->end_ejection("no other backend is available");
}

bool Monitor::has_other_available(const MonitoredBackend& watched) const {
  return std::ranges::any_of(watched_, [&](const auto& entry) {
    const auto& [state, other] = entry;
    return other.get() != &watched && state->pool() == watched.state().pool() &&
           state->health() == HealthState::healthy && other->is_wanted();
  });
}

bool Monitor::may_be_ejected(const MonitoredBackend& watched) const {
  size_t ejected = 0;
  for (const auto& [state, other] : watched_) {
    if (state->pool() == watched.state().pool() && other->is_ejected()) ++ejected;
  }
  const size_t others = has_other_available(watched) ? 1 : 0;
  return may_eject(watched.pool().backends.size(), ejected, others, watched.pool().ejection);
}

}  // namespace sluice::upstream
