// Control's watch over all backends: probes them in turn, tells when a state changes, and looks at once when
// traffic reports trouble.
#pragma once

#include <sluice/base/log.h>
#include <sluice/config/config.h>
#include <sluice/net/loop.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/probe_schedule.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::upstream {

class Question;

/// One backend to watch.
struct Target {
  std::shared_ptr<BackendState> state;
  std::shared_ptr<const config::Pool> pool;
};

/// Control's loop's. Destroying it ends all probes.
class Monitor {
 public:
  /// A probe that traffic asked for has looked, or the state has changed.
  using OnChecked = std::function<void(const std::shared_ptr<BackendState>&)>;

  /// `seed` is for the times of probes.
  Monitor(net::Loop& loop, Log& log, OnChecked on_checked, uint64_t seed);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Exactly these from now on. Those it knows go on as they are; new ones are probed at once, or after their
  /// pool's initial_delay.
  void watch(const std::vector<Target>& targets);
  /// Traffic reports trouble: looks now, and goes on looking quickly until the matter is decided.
  void check_now(const std::shared_ptr<BackendState>& state);

  /// What was known of it counts no more: it has to be proven, at once, before it gets anything.
  void begin_anew(const std::shared_ptr<BackendState>& state);

  /// Why the backend is not healthy ("" when it is): for people.
  std::string cause(const BackendState& state) const;

  ProbeSchedule::Load load() const { return schedule_.load(); }

 private:
  class Watched;
  using Questions = std::map<std::string, std::shared_ptr<const Question>>;  // by the pool's name
  std::shared_ptr<const Question> question_for(const std::shared_ptr<const config::Pool>& pool,
                                               Questions& questions) const;

  net::Loop& loop_;
  Log& log_;
  OnChecked on_checked_;
  bool is_at_work_ = false;  // has been told what to watch
  ProbeSchedule schedule_;  // outlives those who have a turn in it
  Questions questions_;
  std::map<const BackendState*, std::unique_ptr<Watched>> watched_;
};

}  // namespace sluice::upstream
