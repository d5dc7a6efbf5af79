#include <sluice/base/text.h>
#include <sluice/upstream/ejection.h>
#include <sluice/upstream/flapping.h>
#include <sluice/upstream/monitor.h>
#include <sluice/upstream/probe.h>
#include <sluice/upstream/said_draining.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::upstream {
namespace {

constexpr Duration kQuick{50};  // between probes that traffic asks for
// Without probing: how long a backend that refused is left alone. No round times: one that comes and goes in
// such a rhythm would be met at the same moment of it for ever.
constexpr Duration kFirstBackoff{97};
constexpr Duration kLastBackoff{1930};
constexpr Duration kComplain = std::chrono::minutes(1);  // at most so often

std::string words(const Evidence& evidence, unsigned failures) {
  const std::string last = evidence.status != 0 ? concat({"status ", std::to_string(evidence.status)})
                                                : std::string(observe::name(evidence.cause));
  return concat({std::to_string(failures), " failures in a row, the last: ", last});
}

}  // namespace

/// One backend under watch: the next probe's deadline, or the probe under way.
class Monitor::Watched {
 public:
  /// `is_new`: the process was at work before it came.
  Watched(Monitor& monitor, Target target, std::shared_ptr<const Question> question, bool is_new)
      : monitor_(monitor),
        target_(std::move(target)),
        question_(std::move(question)),
        session_(new_session()),
        is_cold_(is_new),
        health_(settings().rise, settings().fall),
        turn_([this] { start_probe(); }),
        ejection_over_([this] { end_ejection("its time is over"); }),
        hold_over_([this] { end_hold("its time is over"); }) {
    health_.assume(target_.state->health());
    is_cold_ |= health_.state() == HealthState::down || health_.state() == HealthState::draining;
    const bool is_unknown = health_.state() == HealthState::starting && !target_.state->is_inherited();
    if (is_unknown) unknown_since_ = now();
  }

  const BackendState& state() const { return *target_.state; }
  const config::Pool& pool() const { return *target_.pool; }
  /// Its place in the pool is not given up by an admin.
  bool is_wanted() const {
    const auto found = std::ranges::find(pool().backends, state().address(), &config::Backend::address);
    return found != pool().backends.end() && !found->drain;
  }
  bool is_ejected() const { return ejection_.is_ejected(); }

  void update(std::shared_ptr<const config::Pool> pool, std::shared_ptr<const Question> question) {
    if (target_.pool == pool) return;
    target_.pool = std::move(pool);
    if (!target_.pool->ejection.enabled) {
      end_ejection("the pool ejects no more");
      ejection_ = {};
    }
    if (target_.pool->drain_header.name.empty()) end_hold("the pool has no drain header any more");
    if (question_ == question) return;
    question_ = std::move(question);
    session_ = new_session();
    health_.set_thresholds(settings().rise, settings().fall);
    probing_.cancel();
    begin();
  }

  void check_now() {
    asked_ = true;
    if (!settings().enabled) return leave_alone();
    if (probing_) return;
    // One whose traffic fails while its probes pass would be asked as often as it fails.
    const Duration too_early = looked_ + quick() - now();
    too_early > Duration::zero() ? plan(too_early) : monitor_.schedule_.hurry(turn_);
  }

  void begin_anew(const std::string& why) {
    said_.end();
    health_ = Health(settings().rise, settings().fall);
    unknown_since_.reset();
    probing_.cancel();
    show(why);
    begin();
  }

  void begin() {
    is_in_step_ = true;
    const TimePoint first = unknown_since_ ? *unknown_since_ + settings().initial_delay : now();
    if (settings().enabled) return plan(std::max(first - now(), Duration::zero()));
    monitor_.schedule_.leave(turn_);
    flapping_.forget();
    const bool is_held = said_.holds(now());
    if (!is_held && health_.state() != HealthState::healthy) return set_state(HealthState::healthy, "");
    if (asked_) tell();  // Nobody else will.
  }

  // ---- what traffic says

  void judge(const Evidence& evidence) {
    if (evidence.kind == Evidence::Kind::drains) return hold_draining();
    if (!pool().ejection.enabled || state().health() != HealthState::healthy) return;
    const std::string cause = words(evidence, pool().ejection.failures);
    if (!monitor_.may_be_ejected(*this)) return complain(cause);
    const Duration time = ejection_.begin(now(), pool().ejection);
    monitor_.loop_.deadlines().arm(ejection_over_, time);
    show(cause);
  }

  void end_ejection(const std::string& why) {
    ejection_over_.disarm();
    if (!ejection_.is_ejected()) return;
    ejection_.end(now());
    show(why);
  }

  void clear(const std::string& why) {
    end_ejection(why);
    ejection_ = {};
    if (std::exchange(flapping_, {}).is_flapping()) tell(Transition::Kind::flaps_no_more, why);
    if (said_.holds(now()) && settings().enabled) return begin_anew(why);
    end_hold(why);
  }

  void recall(const Standing& standing) {
    if (pool().ejection.enabled) {
      ejection_.recall(now(), standing.ejections, standing.ejected);
      if (is_ejected()) monitor_.loop_.deadlines().arm(ejection_over_, standing.ejected);
    }
    const bool is_held = standing.held_draining > Duration::zero() && !pool().drain_header.name.empty();
    if (is_held) hold_draining(standing.held_draining, standing.cause);
    if (is_ejected()) show(standing.cause);
  }

  Standing standing() const {
    Standing standing{.ejections = ejection_.count(now(), pool().ejection),
                      .ejected = ejection_.left(now()),
                      .held_draining = said_.left(now()),
                      .is_flapping = flapping_.is_flapping()};
    if (state().health() != HealthState::healthy) standing.cause = is_ejected() ? cause_ : health_.cause();
    if (standing.is_flapping) standing.passes_needed = passes_needed();
    return standing;
  }

 private:
  const config::Health& settings() const { return question_->health(); }
  TimePoint now() const { return monitor_.loop_.clock().now(); }

  void hold_draining() {
    const config::DrainHeader& header = pool().drain_header;
    if (header.name.empty()) return tell();
    hold_draining(header.hold, concat({"a response said ", header.name}));
  }

  void hold_draining(Duration hold, const std::string& cause) {
    said_.said(now(), hold);
    monitor_.loop_.deadlines().arm(hold_over_, hold);
    health_.record({.kind = ProbeResult::Kind::draining, .cause = cause});
    show(cause);
  }

  /// With probes the next one that passes counts again.
  void end_hold(const std::string& why) {
    hold_over_.disarm();
    said_.end();
    if (settings().enabled || health_.state() == HealthState::healthy) return;
    set_state(HealthState::healthy, why);
  }

  void complain(const std::string& cause) {
    if (now() < next_complaint_) return;
    next_complaint_ = now() + kComplain;
    const bool is_last = !monitor_.has_other_available(*this);
    const std::string_view why =
        is_last ? "no other backend is available" : "as many of the pool are ejected as may be";
    tell(Transition::Kind::not_ejected, concat({cause, "; ", why}));
  }

  // ---- probes

  /// What the backend has agreed to for the settings of now.
  std::shared_ptr<tls::Session> new_session() const {
    return settings().type == config::ProbeType::https ? std::make_shared<tls::Session>() : nullptr;
  }

  Duration quick() const { return std::min(kQuick, settings().fast_interval); }

  void plan(Duration after) { monitor_.schedule_.plan(turn_, after); }

  /// Until the next probe. One that flaps has to pass for longer, not sooner.
  Duration pause(bool undecided) {
    ProbeSchedule& schedule = monitor_.schedule_;
    if (undecided) return quick();
    if (health_.is_changing() && !flapping_.is_flapping()) return schedule.jittered(settings().fast_interval);
    const bool leaves_step = std::exchange(is_in_step_, false);
    return leaves_step ? schedule.spread(settings().interval) : schedule.jittered(settings().interval);
  }

  /// Without probes time alone decides when a backend that refused may be tried again.
  void leave_alone() {
    if (turn_.is_planned()) return;  // Several workers have met it.
    const bool long_ago = now() - last_trouble_ > 5 * kLastBackoff;
    backoff_ = long_ago ? kFirstBackoff : std::min(2 * backoff_, kLastBackoff);
    last_trouble_ = now();
    plan(backoff_);
  }

  void start_probe() {
    if (!settings().enabled) {
      monitor_.schedule_.leave(turn_);
      return tell();
    }
    unknown_since_.reset();
    probing_ = probe(monitor_.loop_, target_.state->address(), question_, session_,
                     [this](ProbeResult result) { on_result(result); });
  }

  void on_result(const ProbeResult& result) {
    if (asked_) looked_ = now();
    if (result.kind == ProbeResult::Kind::not_asked) {  // Who asked is not told anything, either.
      plan(pause(asked_));
      return monitor_.tell_not_asked(*this, result.cause);
    }
    if (!said_.believes(now(), result.kind)) {
      plan(pause(false));
      if (asked_) tell();
      return;
    }
    watch_flapping(result.kind == ProbeResult::Kind::passed);
    health_.set_thresholds(passes_needed(), settings().fall);
    const bool changed = health_.record(result);
    const bool undecided = asked_ && result.kind == ProbeResult::Kind::failed && !changed &&
                           health_.state() == HealthState::healthy;
    plan(pause(undecided));
    if (changed) return show(health_.cause());
    if (asked_ && !undecided) tell();
  }

  void watch_flapping(bool passed) {
    if (flapping_.calmed_down(now())) tell(Transition::Kind::flaps_no_more, "a quiet minute");
    if (std::exchange(last_passed_, passed) && !passed) flapping_.wavered(now());
  }

  /// The only one of a pool is taken whenever it is there.
  unsigned passes_needed() const {
    const bool is_damped = flapping_.is_flapping() && monitor_.has_other_available(*this);
    return is_damped ? flapping_.passes_needed(settings().rise, settings().interval) : settings().rise;
  }

  // ---- what it is

  void set_state(HealthState state, const std::string& cause) {
    health_.assume(state);
    show(cause);
  }

  /// Lets everybody know what it is now, by its probes and by its traffic; `cause` is of what has changed.
  /// One that is no more what it was when it was ejected is not ejected any more.
  void show(const std::string& cause) {
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
    const bool may_have_ejected = pool().ejection.enabled;  // Else nobody has to look through all backends.
    if (before == HealthState::healthy && may_have_ejected) monitor_.keep_one_available(pool().name);
  }

  void become_healthy() {
    target_.state->row().end();
    if (is_cold_) target_.state->warm_up_from(now());
  }

  void tell() {
    asked_ = false;
    monitor_.on_checked_(target_.state);
  }

  Transition transition(Transition::Kind kind, const std::string& cause) const {
    return {.kind = kind,
            .pool = state().pool(),
            .backend = state().address(),
            .from = state().health(),
            .to = state().health(),
            .cause = cause};
  }

  void tell(Transition::Kind kind, const std::string& cause) { monitor_.tell(transition(kind, cause)); }

  void tell_change(HealthState before, HealthState after) {
    Transition change = transition(Transition::Kind::state, cause_);
    change.from = before;
    change.to = after;
    change.failures = health_.failures();
    change.ejections = ejection_.count(now(), pool().ejection);
    if (after == HealthState::ejected) change.bound = ejection_.left(now());
    if (after == HealthState::draining) change.bound = said_.left(now());
    monitor_.tell(change);
  }

  Monitor& monitor_;
  Target target_;
  std::shared_ptr<const Question> question_;
  std::shared_ptr<tls::Session> session_;  // of https
  bool is_cold_;  // when it becomes healthy it has to warm up: all but those that are there at the beginning
  Health health_;
  SaidDraining said_;
  Ejection ejection_;
  Flapping flapping_;
  std::string cause_;  // of the last change
  ProbeSchedule::Turn turn_;
  Deadline ejection_over_;
  Deadline hold_over_;
  std::optional<TimePoint> unknown_since_;  // of one that has never been asked
  bool is_in_step_ = true;  // with others that began at the same time
  Wait probing_;
  bool last_passed_ = false;
  bool asked_ = false;  // by traffic, which waits for the answer
  TimePoint looked_{};  // the last time that it was
  Duration backoff_ = kFirstBackoff;
  TimePoint last_trouble_;
  TimePoint next_complaint_;
};

Monitor::Monitor(net::Loop& loop, Log& log, OnChecked on_checked, uint64_t seed, OnTransition on_transition)
    : loop_(loop),
      log_(log),
      on_checked_(std::move(on_checked)),
      on_transition_(std::move(on_transition)),
      schedule_(loop.deadlines(), seed) {}

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
  // What one becomes may be news for others: all are there before any begins.
  std::vector<Watched*> new_ones;
  for (const Target& target : targets) {
    auto& entry = watched_[target.state.get()];
    if (entry) continue;
    entry = std::make_unique<Watched>(*this, target, question_for(target.pool, questions), is_at_work_);
    new_ones.push_back(entry.get());
  }
  for (const Target& target : targets) {
    find(*target.state)->update(target.pool, question_for(target.pool, questions));
  }
  questions_ = std::move(questions);
  for (Watched* each : new_ones) each->begin();
  for (const Target& target : targets) {
    if (find(*target.state)->is_ejected()) keep_one_available(target.pool->name);
  }
  is_at_work_ = true;
}

/// The pool's as it was, unless its health is asked for in another way now.
std::shared_ptr<const Question> Monitor::question_for(const std::shared_ptr<const config::Pool>& pool,
                                                      Questions& questions) const {
  auto& entry = questions[pool->name];
  if (entry) return entry;
  const auto known = questions_.find(pool->name);
  const bool is_same = known != questions_.end() && known->second->is_of(*pool);
  entry = is_same ? known->second : std::make_shared<const Question>(pool->health, pool->proxy_protocol);
  return entry;
}

void Monitor::check_now(const std::shared_ptr<BackendState>& state) {
  Watched* const watched = find(*state);
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

void Monitor::begin_anew(const std::shared_ptr<BackendState>& state) {
  if (Watched* const watched = find(*state)) watched->begin_anew("ready, by an admin");
}

void Monitor::judge(const std::shared_ptr<BackendState>& state, const Evidence& evidence) {
  Watched* const watched = find(*state);
  if (watched == nullptr) return on_checked_(state);
  watched->judge(evidence);
}

void Monitor::clear(const std::shared_ptr<BackendState>& state) {
  if (Watched* const watched = find(*state)) watched->clear("ready, by an admin");
}

void Monitor::recall(const std::shared_ptr<BackendState>& state, const Standing& standing) {
  if (Watched* const watched = find(*state)) watched->recall(standing);
}

Standing Monitor::standing(const BackendState& state) const {
  const Watched* const watched = find(state);
  return watched == nullptr ? Standing() : watched->standing();
}

Monitor::Watched* Monitor::find(const BackendState& state) const {
  const auto found = watched_.find(&state);
  return found == watched_.end() ? nullptr : found->second.get();
}

/// The one place through which every change of a backend is told.
void Monitor::tell(const Transition& transition) {
  log_.write(level(transition), log_line(transition));
  if (on_transition_) on_transition_(transition);
}

/// That is our own trouble, and likely to be every backend's turn: one line is enough.
void Monitor::tell_not_asked(const Watched& watched, const std::string& cause) {
  const TimePoint now = loop_.clock().now();
  if (now < next_complaint_) return;
  next_complaint_ = now + kComplain;
  const BackendState& state = watched.state();
  log_.warning("backend not asked" + field("pool", state.pool()) + field("backend", state.address().text()) +
               field("cause", cause));
}

// ---- what one may be, beside the others of its pool

/// A backend that fails is better than none.
void Monitor::keep_one_available(const std::string& pool) {
  std::vector<Watched*> ejected;
  for (const auto& [state, watched] : watched_) {
    if (state->pool() != pool || !watched->is_wanted()) continue;
    if (state->health() == HealthState::healthy) return;
    if (watched->is_ejected()) ejected.push_back(watched.get());
  }
  for (Watched* each : ejected) each->end_ejection("no other backend is available");
}

bool Monitor::has_other_available(const Watched& watched) const {
  return std::ranges::any_of(watched_, [&](const auto& entry) {
    const auto& [state, other] = entry;
    return other.get() != &watched && state->pool() == watched.state().pool() &&
           state->health() == HealthState::healthy && other->is_wanted();
  });
}

bool Monitor::may_be_ejected(const Watched& watched) const {
  size_t ejected = 0;
  for (const auto& [state, other] : watched_) {
    if (state->pool() == watched.state().pool() && other->is_ejected()) ++ejected;
  }
  const size_t others = has_other_available(watched) ? 1 : 0;
  return may_eject(watched.pool().backends.size(), ejected, others, watched.pool().ejection);
}

}  // namespace sluice::upstream
