// One worker: a thread with an event loop and a service on it. Control talks to it by posting.
#pragma once

#include <sluice/net/loop.h>
#include <sluice/observe/counters.h>
#include <sluice/proxy/service.h>

#include <functional>
#include <thread>

namespace sluice::lifecycle {

/// Control's. Its thread runs from construction to destruction, which drops what is still on it.
class Worker {
 public:
  /// The settings' callbacks run on the worker's thread.
  explicit Worker(proxy::ServiceSettings settings);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Runs `task` on the worker's thread, in the order of posting.
  void post(std::function<void(proxy::Service&)> task);

 private:
  net::Loop* loop_ = nullptr;  // The thread's; there as long as the thread is.
  proxy::Service* service_ = nullptr;
  std::thread thread_;
};

}  // namespace sluice::lifecycle
