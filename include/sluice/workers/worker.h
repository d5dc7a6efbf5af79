// One worker: a thread with an event loop and a service on it. Control talks to it by posting.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/loop.h>
#include <sluice/observe/counters.h>
#include <sluice/proxy/service.h>

#include <pthread.h>

#include <functional>
#include <memory>

namespace sluice::workers {

/// Control's. Its thread runs from construction to destruction, which drops what is still on it.
class Worker {
 public:
  /// The settings' callbacks run on the worker's thread. An error when the system gives no thread, or not the
  /// descriptors that a loop takes.
  static Result<std::unique_ptr<Worker>> start(proxy::ServiceSettings settings);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Runs `task` on the worker's thread, in the order of posting; what was posted before the destruction
  /// runs.
  void post(std::function<void(proxy::Service&)> task);

 private:
  struct Beginning;
  Worker() = default;
  static void* run(void* beginning);

  net::Loop* loop_ = nullptr;  // The thread's; there as long as the thread is.
  proxy::Service* service_ = nullptr;
  pthread_t thread_{};
};

}  // namespace sluice::workers
