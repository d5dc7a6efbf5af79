#include "upstream/monitored_backend.h"

#include <sluice/base/text.h>

#include <utility>

namespace sluice::upstream {
namespace {

constexpr Duration kQuick{50};  // between probes that traffic asks for
// Without probing: how long a backend that refused is left alone. No round times: a backend that comes and
// goes in such a rhythm would be met at the same moment of it for ever.
constexpr Duration kFirstBackoff{97};
constexpr Duration kLastBackoff{1930};

std::string words(const Evidence& evidence, unsigned failures) {
  const std::string last = evidence.status != 0 ? concat({"status ", std::to_string(evidence.status)})
                                                : std::string(observe::name(evidence.cause));
  return concat({counted(failures, "failure"), " in a row, the last: ", last});
}

}  // namespace

void Monitor::MonitoredBackend::update(std::shared_ptr<const config::Pool> pool,
                                       std::shared_ptr<const ProbeSpec> question) {
  if (target_.pool == pool) return;
  target_.pool = std::move(pool);
  if (!target_.pool->ejection.enabled) {
    end_ejection("the pool ejects no more");
    ejection_ = {};
  }
  if (target_.pool->drain_header.name.empty()) end_hold("the pool has no drain header any more");
  if (spec_ == question) return;
  spec_ = std::move(question);
  session_ = new_session();
  health_.set_thresholds(settings().rise, settings().fall);
  probing_.cancel();
  begin();
}

void Monitor::MonitoredBackend::check_now() {
  asked_ = true;
  if (!settings().enabled) return leave_alone();
  if (probing_) return;
  // A backend whose traffic fails while its probes pass would be probed as often as it fails.
  const Duration too_early = looked_ + quick() - now();
  too_early > Duration::zero() ? plan(too_early) : monitor_.schedule_.hurry(turn_);
}

void Monitor::MonitoredBackend::reset(const std::string& why) {
  said_.end();
  health_ = Health(settings().rise, settings().fall);
  unknown_since_.reset();
  probing_.cancel();
  target_.state->set_probe_answer("");
  show(why);
  begin();
}

void Monitor::MonitoredBackend::begin() {
  is_in_step_ = true;
  const TimePoint first = unknown_since_ ? *unknown_since_ + settings().initial_delay : now();
  if (settings().enabled) return plan(std::max(first - now(), Duration::zero()));
  monitor_.schedule_.leave(turn_);
  target_.state->set_probe_answer("");  // No probe that passes will.
  flapping_.forget();
  const bool is_held = said_.holds(now());
  if (!is_held && health_.state() != HealthState::healthy) return set_state(HealthState::healthy, "");
  if (asked_) tell();  // No probe will.
}

void Monitor::MonitoredBackend::apply_evidence(const Evidence& evidence) {
  if (evidence.kind == Evidence::Kind::drains) return hold_draining();
  if (!pool().ejection.enabled || state().health() != HealthState::healthy) return;
  const std::string cause = words(evidence, pool().ejection.failures);
  if (!monitor_.may_be_ejected(*this)) return complain(cause);
  const Duration time = ejection_.begin(now(), pool().ejection);
  monitor_.network_.executor().deadlines().arm(ejection_over_, time);
  show(cause);
}

void Monitor::MonitoredBackend::end_ejection(const std::string& why) {
  ejection_over_.disarm();
  if (!ejection_.is_ejected()) return;
  ejection_.end(now());
  show(why);
}

void Monitor::MonitoredBackend::clear(const std::string& why) {
  end_ejection(why);
  ejection_ = {};
  if (std::exchange(flapping_, {}).is_flapping()) tell(Transition::Kind::flaps_no_more, why);
  if (said_.holds(now()) && settings().enabled) return reset(why);
  end_hold(why);
}

void Monitor::MonitoredBackend::restore(const HealthRecord& standing) {
  if (pool().ejection.enabled) {
    ejection_.recall(now(), standing.ejections, standing.ejected);
    if (is_ejected()) monitor_.network_.executor().deadlines().arm(ejection_over_, standing.ejected);
  }
  const bool is_held = standing.held_draining > Duration::zero() && !pool().drain_header.name.empty();
  if (is_held) hold_draining(standing.held_draining, standing.cause);
  if (is_ejected()) show(standing.cause);
  if (standing.warming > Duration::zero() && standing.warming <= pool().slow_start) {
    target_.state->warm_up_from(now() + standing.warming - pool().slow_start);
  }
}

HealthRecord Monitor::MonitoredBackend::health_record() const {
  HealthRecord standing{.ejections = ejection_.count(now(), pool().ejection),
                        .ejected = ejection_.left(now()),
                        .held_draining = said_.left(now()),
                        .is_flapping = flapping_.is_flapping()};
  if (state().health() != HealthState::healthy) standing.cause = is_ejected() ? cause_ : health_.cause();
  if (standing.is_flapping) standing.passes_needed = passes_needed();
  const TimePoint since = state().healthy_since();
  if (state().health() == HealthState::healthy && since != TimePoint()) {
    standing.warming = std::max(since + pool().slow_start - now(), Duration::zero());
  }
  return standing;
}

void Monitor::MonitoredBackend::hold_draining() {
  const config::DrainHeader& header = pool().drain_header;
  if (header.name.empty()) return tell();
  hold_draining(header.hold, concat({"a response said ", header.name}));
}

void Monitor::MonitoredBackend::hold_draining(Duration hold, const std::string& cause) {
  said_.begin(now(), hold);
  monitor_.network_.executor().deadlines().arm(hold_over_, hold);
  health_.record({.kind = ProbeResult::Kind::draining, .cause = cause});
  show(cause);
}

void Monitor::MonitoredBackend::end_hold(const std::string& why) {
  hold_over_.disarm();
  said_.end();
  if (settings().enabled || health_.state() == HealthState::healthy) return;
  set_state(HealthState::healthy, why);
}

void Monitor::MonitoredBackend::complain(const std::string& cause) {
  if (now() < next_complaint_) return;
  next_complaint_ = now() + kComplain;
  const bool is_last = !monitor_.has_other_available(*this);
  const std::string_view why =
      is_last ? "no other backend is available" : "as many of the pool are ejected as may be";
  tell(Transition::Kind::not_ejected, concat({cause, "; ", why}));
}

Duration Monitor::MonitoredBackend::quick() const {
  return std::min(kQuick, settings().fast_interval);
}

std::shared_ptr<tls::Session> Monitor::MonitoredBackend::new_session() const {
  return settings().type == config::ProbeType::https ? std::make_shared<tls::Session>() : nullptr;
}

Duration Monitor::MonitoredBackend::pause(bool undecided) {
  ProbeSchedule& schedule = monitor_.schedule_;
  if (undecided) return quick();
  if (health_.is_changing() && !flapping_.is_flapping()) return schedule.jittered(settings().fast_interval);
  const bool leaves_step = std::exchange(is_in_step_, false);
  return leaves_step ? schedule.spread(settings().interval) : schedule.jittered(settings().interval);
}

void Monitor::MonitoredBackend::leave_alone() {
  if (turn_.is_planned()) return;  // Several workers have met it.
  const bool long_ago = now() - last_trouble_ > 5 * kLastBackoff;
  backoff_ = long_ago ? kFirstBackoff : std::clamp(2 * backoff_, kFirstBackoff, kLastBackoff);
  last_trouble_ = now();
  plan(backoff_);
}

void Monitor::MonitoredBackend::start_probe() {
  if (!settings().enabled) {
    monitor_.schedule_.leave(turn_);
    return tell();
  }
  unknown_since_.reset();
  probing_ = probe(monitor_.network_, monitor_.lingering_, target_.state->address(), spec_, session_,
                   [this](ProbeResult result) { on_result(result); });
}

void Monitor::MonitoredBackend::on_result(const ProbeResult& result) {
  if (asked_) looked_ = now();
  if (result.kind == ProbeResult::Kind::not_asked) {  // Workers that asked get no answer yet.
    plan(pause(asked_));
    return monitor_.tell_not_asked(*this, result.cause);
  }
  if (!said_.believes(now(), result.kind)) {
    plan(pause(false));
    if (asked_) tell();
    return;
  }
  target_.state->set_probe_answer(result.kind == ProbeResult::Kind::passed ? std::string() : result.cause);
  watch_flapping(result.kind == ProbeResult::Kind::passed);
  health_.set_thresholds(passes_needed(), settings().fall);
  const bool changed = health_.record(result);
  const bool undecided = asked_ && result.kind == ProbeResult::Kind::failed && !changed &&
                         health_.state() == HealthState::healthy;
  plan(pause(undecided));
  if (changed) return show(health_.cause());
  if (asked_ && !undecided) tell();
}

void Monitor::MonitoredBackend::watch_flapping(bool passed) {
  if (flapping_.calmed_down(now())) tell(Transition::Kind::flaps_no_more, "a quiet minute");
  if (std::exchange(last_passed_, passed) && !passed) flapping_.wavered(now());
}

unsigned Monitor::MonitoredBackend::passes_needed() const {
  const bool is_damped = flapping_.is_flapping() && monitor_.has_other_available(*this);
  return is_damped ? flapping_.passes_needed(settings().rise, settings().interval) : settings().rise;
}

void Monitor::MonitoredBackend::set_state(HealthState state, const std::string& cause) {
  health_.assume(state);
  show(cause);
}

void Monitor::MonitoredBackend::show(const std::string& cause) {
  if (health_.state() != HealthState::healthy) ejection_.end(now());
  const HealthState before = state().health();
  const HealthState after = is_ejected() ? HealthState::ejected : health_.state();
  if (after == before) return tell();
  cause_ = cause;
  if (after == HealthState::healthy) become_healthy();
  is_cold_ = true;
  target_.state->set_health(after);
  tell_change(before, after);
  const bool was_well = before == HealthState::healthy || before == HealthState::ejected;
  const bool fell = was_well && (after == HealthState::down || after == HealthState::draining);
  if (fell && settings().enabled && flapping_.fell(now())) {
    tell(Transition::Kind::flaps, concat({std::to_string(Flapping::kFalls), " falls within a minute"}));
  }
  tell();
  const bool may_have_ejected = pool().ejection.enabled;  // Else no need to look through all backends.
  if (before == HealthState::healthy && may_have_ejected) monitor_.keep_one_available(pool().name);
}

void Monitor::MonitoredBackend::become_healthy() {
  target_.state->failures_in_a_row().end();
  if (is_cold_) target_.state->warm_up_from(now());
}

void Monitor::MonitoredBackend::tell() {
  asked_ = false;
  monitor_.on_checked_(target_.state);
}

Transition Monitor::MonitoredBackend::transition(Transition::Kind kind, const std::string& cause) const {
  return {.kind = kind,
          .pool = state().pool(),
          .backend = state().address(),
          .from = state().health(),
          .to = state().health(),
          .cause = cause};
}

void Monitor::MonitoredBackend::tell_change(HealthState before, HealthState after) {
  Transition change = transition(Transition::Kind::state, cause_);
  change.from = before;
  change.to = after;
  change.failures = health_.failures();
  change.ejections = ejection_.count(now(), pool().ejection);
  if (after == HealthState::ejected) change.bound = ejection_.left(now());
  if (after == HealthState::draining) change.bound = said_.left(now());
  monitor_.tell(change);
}

}  // namespace sluice::upstream
