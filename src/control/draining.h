// How a process ends: it accepts no more clients, finishes what is there, and stops; bounded in time.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/base/log.h>
#include <sluice/listeners/listeners.h>
#include <sluice/workers/conditions.h>
#include <sluice/workers/workers.h>

#include <functional>
#include <string_view>

namespace sluice::control {

/// Control's.
class Draining {
 public:
  struct Needs {
    Executor& executor;
    Log& log;
    listeners::Listeners& listening;
    workers::Workers& workers;
    std::function<bool()> is_empty;  ///< nothing is left that the process has to end first
    std::function<void()> on_end;    ///< the last moment in which workers may be given something
    std::function<void()> on_finished;
  };
  explicit Draining(Needs needs);

  bool has_begun() const { return begun_; }
  /// Ends what is on the listeners that are left, and then everything else. Nothing when that goes on
  /// already.
  void begin(std::string_view why, Duration drain_timeout, listeners::Listeners::Addresses addresses);
  /// The same by request; a second request finishes now.
  void request_stop(Duration drain_timeout);

 private:
  void drain_workers();
  void wait_until_empty();
  void finish(std::string_view why);
  void close_all(std::string_view why);
  void log_account();

  Needs needs_;
  workers::Conditions conditions_;
  Deadline succession_;  // until another process listens for sure
  Deadline half_open_;
  Deadline drain_deadline_;
  Duration drain_timeout_{};
  listeners::Listeners::Addresses addresses_{};
  Wait empty_;
  Wait closed_;
  bool begun_ = false;
  bool asked_ = false;
  bool finished_ = false;
};

}  // namespace sluice::control
