#include "lifecycle/worker.h"

#include <csignal>
#include <future>
#include <utility>

namespace sluice::lifecycle {

Worker::Worker(proxy::ServiceSettings settings) {
  std::promise<void> ready;
  thread_ = std::thread([this, &ready, settings = std::move(settings)]() mutable {
    // Signals are control's.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    net::Loop loop;
    proxy::Service service(loop, std::move(settings));
    loop_ = &loop;
    service_ = &service;
    ready.set_value();
    loop.run();
  });
  ready.get_future().wait();
}

Worker::~Worker() {
  loop_->post([this] { loop_->stop(); });
  thread_.join();
}

void Worker::post(std::function<void(proxy::Service&)> task) {
  loop_->post([this, task = std::move(task)] { task(*service_); });
}

}  // namespace sluice::lifecycle
