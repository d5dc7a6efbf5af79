// Tells the service manager that this process lives: control, and every worker.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/executor.h>
#include <sluice/control/server.h>
#include <sluice/net/service_manager.h>

namespace sluice::control {

/// Control's. A worker that does not answer silences it, and the manager then does what it is
/// configured to do.
class Watchdog {
 public:
  /// Once the server has started.
  Watchdog(Executor& executor, Server& server, const net::ServiceManager& manager)
      : executor_(executor), server_(server), manager_(manager), next_([this] { look(); }) {}

  /// Nothing happens when the manager does not watch.
  void start();
  void stop();

 private:
  void look();

  Executor& executor_;
  Server& server_;
  const net::ServiceManager& manager_;
  Deadline next_;
  bool is_asking_ = false;
};

}  // namespace sluice::control
