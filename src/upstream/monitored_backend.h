// One backend under the monitor's watch.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/upstream/drain_hold.h>
#include <sluice/upstream/ejection.h>
#include <sluice/upstream/flapping.h>
#include <sluice/upstream/health.h>
#include <sluice/upstream/monitor.h>
#include <sluice/upstream/probe.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace sluice::upstream {

/// One backend under watch: the next probe's deadline, or the probe under way.
class Monitor::MonitoredBackend {
 public:
  static constexpr Duration kComplain = std::chrono::minutes(1);  ///< the log has the same at most so often

  /// `is_new`: the process was at work before it came.
  MonitoredBackend(Monitor& monitor, Target target, std::shared_ptr<const ProbeSpec> question, bool is_new)
      : monitor_(monitor),
        target_(std::move(target)),
        spec_(std::move(question)),
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
  /// It is in its pool, and not drained by an admin.
  bool is_wanted() const {
    const auto found = std::ranges::find(pool().backends, state().address(), &config::Backend::address);
    return found != pool().backends.end() && !found->drain;
  }
  bool is_ejected() const { return ejection_.is_ejected(); }

  /// After a reload.
  void update(std::shared_ptr<const config::Pool> pool, std::shared_ptr<const ProbeSpec> question);
  void begin();
  /// Nothing that was known of it counts.
  void reset(const std::string& why);
  /// Traffic has met trouble: looks soon, and reports to the workers once the backend's state is clear.
  void check_now();

  void apply_evidence(const Evidence& evidence);
  void end_ejection(const std::string& why);
  /// What traffic said of it counts no more.
  void clear(const std::string& why);

  /// What another process knew of it.
  void restore(const HealthRecord& standing);
  HealthRecord health_record() const;

 private:
  const config::Health& settings() const { return spec_->health(); }
  TimePoint now() const { return monitor_.network_.executor().clock().now(); }

  // ---- what traffic says

  void hold_draining();
  void hold_draining(Duration hold, const std::string& cause);
  /// With probes the next pass counts again.
  void end_hold(const std::string& why);
  void complain(const std::string& cause);

  // ---- probes

  /// What the backend has agreed to for the settings of now.
  std::shared_ptr<tls::Session> new_session() const;
  Duration quick() const;
  void plan(Duration after) { monitor_.schedule_.plan(turn_, after); }
  /// Until the next probe. A backend that flaps has to pass for longer, not sooner.
  Duration pause(bool undecided);
  /// Without probes time alone decides when a backend that refused may be tried again.
  void leave_alone();
  void start_probe();
  void on_result(const ProbeResult& result);
  void watch_flapping(bool passed);
  /// Only `rise` when no other backend of the pool is available.
  unsigned passes_needed() const;

  // ---- what it is

  void set_state(HealthState state, const std::string& cause);
  /// Publishes its state, by its probes and by its traffic; `cause` is of what has changed. Once it is not
  /// healthy by its probes any more, it is not ejected either.
  void show(const std::string& cause);
  void become_healthy();
  void tell();
  Transition transition(Transition::Kind kind, const std::string& cause) const;
  void tell(Transition::Kind kind, const std::string& cause) { monitor_.tell(transition(kind, cause)); }
  void tell_change(HealthState before, HealthState after);

  Monitor& monitor_;
  Target target_;
  std::shared_ptr<const ProbeSpec> spec_;
  std::shared_ptr<tls::Session> session_;  // of https
  bool is_cold_;  // when it becomes healthy it has to warm up: all but those that are there at the beginning
  Health health_;
  DrainHold said_;
  Ejection ejection_;
  Flapping flapping_;
  std::string cause_;  // of the last change
  ProbeSchedule::ScheduledProbe turn_;
  Deadline ejection_over_;
  Deadline hold_over_;
  std::optional<TimePoint> unknown_since_;  // of a backend that has never been asked
  bool is_in_step_ = true;                  // with others that began at the same time
  Wait probing_;
  bool last_passed_ = false;
  bool asked_ = false;  // by traffic, which waits for the answer
  TimePoint looked_{};  // the last time that it was
  Duration backoff_{};  // without probes: the last one
  TimePoint last_trouble_;
  TimePoint next_complaint_;
};

}  // namespace sluice::upstream
