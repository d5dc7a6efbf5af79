#include <sluice/base/text.h>
#include <sluice/upstream/monitor.h>
#include <sluice/upstream/probe.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {
namespace {

constexpr Duration kQuick{50};          // between probes while traffic says one thing and health another
constexpr Duration kFirstBackoff{100};  // without probing: how long a backend that refused is left alone
constexpr Duration kLastBackoff{2000};

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
        turn_([this] { start_probe(); }) {
    health_.assume(target_.state->health());
    const bool is_unknown = health_.state() == HealthState::starting && !target_.state->is_inherited();
    if (is_unknown) not_before_ = monitor_.loop_.clock().now() + settings().initial_delay;
    begin();
  }

  void update(std::shared_ptr<const config::Pool> pool, std::shared_ptr<const Question> question) {
    target_.pool = std::move(pool);
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
    if (!probing_) monitor_.schedule_.hurry(turn_);
  }

  void begin_anew() {
    health_ = Health(settings().rise, settings().fall);
    target_.state->set_health(health_.state());
    probing_.cancel();
    begin();
  }

  const std::string& cause() const { return health_.cause(); }

 private:
  const config::Health& settings() const { return question_->health(); }

  /// What the backend has agreed to for the settings of now.
  std::shared_ptr<tls::Session> new_session() const {
    return settings().type == config::ProbeType::https ? std::make_shared<tls::Session>() : nullptr;
  }

  void begin() {
    is_in_step_ = true;
    const TimePoint now = monitor_.loop_.clock().now();
    if (settings().enabled) return plan(std::max(not_before_ - now, Duration::zero()));
    monitor_.schedule_.leave(turn_);
    if (health_.state() != HealthState::healthy) return set_state(HealthState::healthy);
    if (asked_) tell();  // Nobody else will.
  }

  void plan(Duration after) { monitor_.schedule_.plan(turn_, after); }

  /// Until the next probe.
  Duration pause(bool undecided) {
    ProbeSchedule& schedule = monitor_.schedule_;
    if (undecided) return std::min(kQuick, settings().fast_interval);
    if (health_.is_changing()) return schedule.jittered(settings().fast_interval);
    const bool leaves_step = std::exchange(is_in_step_, false);
    return leaves_step ? schedule.spread(settings().interval) : schedule.jittered(settings().interval);
  }

  /// Without probes time alone decides when a backend that refused may be tried again.
  void leave_alone() {
    const TimePoint now = monitor_.loop_.clock().now();
    const bool long_ago = now - last_trouble_ > 5 * kLastBackoff;
    backoff_ = long_ago ? kFirstBackoff : std::min(2 * backoff_, kLastBackoff);
    last_trouble_ = now;
    if (!turn_.is_planned()) plan(backoff_);
  }

  void start_probe() {
    if (!settings().enabled) {
      monitor_.schedule_.leave(turn_);
      return tell();
    }
    probing_ = probe(monitor_.loop_, target_.state->address(), question_, session_,
                     [this](ProbeResult result) { on_result(result); });
  }

  void on_result(const ProbeResult& result) {
    const bool changed = health_.record(result);
    const bool undecided = asked_ && result.kind == ProbeResult::Kind::failed && !changed &&
                           health_.state() == HealthState::healthy;
    plan(pause(undecided));
    if (changed) return set_state(health_.state());
    if (asked_ && !undecided) tell();
  }

  void set_state(HealthState state) {
    const HealthState before = target_.state->health();
    health_.assume(state);
    if (state == HealthState::healthy && std::exchange(is_cold_, true)) {
      target_.state->warm_up_from(monitor_.loop_.clock().now());
    }
    target_.state->set_health(state);
    log_change(before, state);
    tell();
  }

  void tell() {
    asked_ = false;
    monitor_.on_checked_(target_.state);
  }

  void log_change(HealthState before, HealthState now) const {
    std::string line = concat({"backend ", name(now)});
    line += field("pool", target_.state->pool()) + field("backend", target_.state->address().text()) +
            field("was", name(before));
    if (now != HealthState::healthy) line += field("cause", health_.cause());
    if (now == HealthState::down) return monitor_.log_.warning(line + field("failures", health_.failures()));
    monitor_.log_.info(line);
  }

  Monitor& monitor_;
  Target target_;
  std::shared_ptr<const Question> question_;
  std::shared_ptr<tls::Session> session_;  // of https
  bool is_cold_;  // when it becomes healthy it has to warm up
  Health health_;
  ProbeSchedule::Turn turn_;
  TimePoint not_before_{};
  bool is_in_step_ = true;  // with others that began at the same time
  Wait probing_;
  bool asked_ = false;  // by traffic, which waits for the answer
  Duration backoff_ = kFirstBackoff;
  TimePoint last_trouble_;
};

Monitor::Monitor(net::Loop& loop, Log& log, OnChecked on_checked, uint64_t seed)
    : loop_(loop), log_(log), on_checked_(std::move(on_checked)), schedule_(loop.deadlines(), seed) {}

Monitor::~Monitor() {
  schedule_.close();
}

void Monitor::watch(const std::vector<Target>& targets) {
  std::map<const BackendState*, std::unique_ptr<Watched>> watched;
  Questions questions;
  for (const Target& target : targets) {
    const auto question = question_for(target.pool, questions);
    auto& entry = watched[target.state.get()];
    const auto known = watched_.find(target.state.get());
    if (known == watched_.end()) {
      entry = std::make_unique<Watched>(*this, target, question, is_at_work_);
    } else {
      entry = std::move(known->second);
      entry->update(target.pool, question);
    }
  }
  watched_ = std::move(watched);
  questions_ = std::move(questions);
  is_at_work_ = true;
}

/// The pool's as it was, unless its health is asked for in another way now.
std::shared_ptr<const Question> Monitor::question_for(const std::shared_ptr<const config::Pool>& pool,
                                                      Questions& questions) const {
  auto& entry = questions[pool->name];
  if (entry) return entry;
  const auto known = questions_.find(pool->name);
  const bool is_same = known != questions_.end() && known->second->health() == pool->health;
  entry = is_same ? known->second : std::make_shared<const Question>(pool->health);
  return entry;
}

void Monitor::check_now(const std::shared_ptr<BackendState>& state) {
  const auto found = watched_.find(state.get());
  if (found == watched_.end()) return on_checked_(state);
  found->second->check_now();
}

void Monitor::begin_anew(const std::shared_ptr<BackendState>& state) {
  const auto found = watched_.find(state.get());
  if (found != watched_.end()) found->second->begin_anew();
}

std::string Monitor::cause(const BackendState& state) const {
  const auto found = watched_.find(&state);
  if (found == watched_.end() || state.health() == HealthState::healthy) return "";
  return found->second->cause();
}

}  // namespace sluice::upstream
