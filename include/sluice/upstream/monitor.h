// Control's watch over all backends: probes them in turn, reports when a state changes, and looks at once
// when traffic reports trouble.
#pragma once

#include <sluice/base/log.h>
#include <sluice/config/config.h>
#include <sluice/net/network.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/evidence.h>
#include <sluice/upstream/health_record.h>
#include <sluice/upstream/probe_schedule.h>
#include <sluice/upstream/transition.h>
#include <sluice/wire/lingering.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::upstream {

class ProbeSpec;

/// One backend to watch.
struct Target {
  std::shared_ptr<BackendState> state;
  std::shared_ptr<const config::Pool> pool;
};

/// Control's thread's. Destroying it ends all probes.
class Monitor {
 public:
  /// A probe that traffic asked for has looked, or the state has changed.
  using OnChecked = std::function<void(const std::shared_ptr<BackendState>&)>;
  /// A backend has become something else. It may not change the monitor.
  using OnTransition = std::function<void(const Transition&)>;

  /// `seed` is for the times of probes.
  Monitor(net::Network& network, Log& log, OnChecked on_checked, uint64_t seed,
          OnTransition on_transition = {});
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Exactly these from now on. Those it knows go on as they are; new ones are probed at once, or after their
  /// pool's initial_delay.
  void watch(const std::vector<Target>& targets);
  /// Traffic reports trouble: looks now, and goes on looking quickly until the matter is decided.
  void check_now(const std::shared_ptr<BackendState>& state);

  /// An admin drains it.
  void tell_drained(const BackendState& state);
  /// What was known of it counts no more: it has to be proven, at once, before it gets anything. Without
  /// probes it gets its part again.
  void reset(const std::shared_ptr<BackendState>& state);

  /// What a worker has seen: may eject it, or hold it to be draining.
  void apply_evidence(const std::shared_ptr<BackendState>& state, const Evidence& evidence);
  /// An admin says that it is ready: what traffic said of it counts no more.
  void clear(const std::shared_ptr<BackendState>& state);
  /// Goes on with what another process knew.
  void restore(const std::shared_ptr<BackendState>& state, const HealthRecord& standing);

  /// For people, and for the next process.
  HealthRecord health_record(const BackendState& state) const;

  ProbeSchedule::Load load() const { return schedule_.load(); }

 private:
  class MonitoredBackend;
  using ByState = std::map<const BackendState*, std::unique_ptr<MonitoredBackend>>;

  MonitoredBackend* find(const BackendState& state) const;
  void tell(const Transition& transition);
  void tell_not_asked(const MonitoredBackend& watched, const std::string& cause);
  void keep_one_available(const std::string& pool);
  bool has_other_available(const MonitoredBackend& watched) const;
  bool may_be_ejected(const MonitoredBackend& watched) const;
  using Questions = std::map<std::string, std::shared_ptr<const ProbeSpec>>;  // by the pool's name
  std::shared_ptr<const ProbeSpec> question_for(const std::shared_ptr<const config::Pool>& pool,
                                                Questions& questions) const;

  net::Network& network_;
  Log& log_;
  OnChecked on_checked_;
  OnTransition on_transition_;
  bool is_at_work_ = false;     // watch() has been called
  TimePoint next_complaint_{};  // that a backend could not be asked
  ProbeSchedule schedule_;      // outlives the backends that have a turn in it
  wire::Lingering lingering_;   // outlives the probes
  Questions questions_;
  ByState watched_;
};

}  // namespace sluice::upstream
