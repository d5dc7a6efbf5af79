// The way out of a process: no more clients, what is there comes to its end, and the end itself; bounded in
// time.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/net/loop.h>

#include <functional>
#include <string_view>

#include "lifecycle/conditions.h"
#include "lifecycle/listening.h"
#include "lifecycle/workers.h"

namespace sluice::lifecycle {

/// Control's.
class Stopping {
 public:
  struct Needs {
    net::Loop& loop;
    Log& log;
    Listening& listening;
    Workers& workers;
    std::function<bool()> is_empty;  ///< nothing is left that the process has to end first
    std::function<void()> on_end;    ///< the last moment in which workers may be given something
    std::function<void()> on_finished;
  };
  explicit Stopping(Needs needs);

  bool has_begun() const { return begun_; }
  /// Ends what is on the listeners that are left, and then everything else. Nothing when that goes on
  /// already.
  void begin(std::string_view why, Duration drain_timeout);
  /// The same because somebody wants it, who finishes it now by saying so twice.
  void ask(Duration drain_timeout);

 private:
  void drain_workers();
  void wait_until_empty();
  void finish(std::string_view why);
  void tell_account();

  Needs needs_;
  Conditions conditions_;
  Deadline half_open_;
  Deadline drain_deadline_;
  Duration drain_timeout_{};
  Wait empty_;
  Wait closed_;
  bool begun_ = false;
  bool asked_ = false;
  bool finished_ = false;
};

}  // namespace sluice::lifecycle
