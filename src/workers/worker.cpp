#include <sluice/net/descriptors.h>
#include <sluice/workers/worker.h>

#include <csignal>
#include <future>
#include <utility>

namespace sluice::workers {
namespace {

constexpr size_t kDescriptorsOfALoop = 8;

}  // namespace

struct Worker::Beginning {
  Worker& worker;
  proxy::ServiceSettings settings;
  std::promise<void> ready{};
};

Result<std::unique_ptr<Worker>> Worker::start(proxy::ServiceSettings settings) {
  if (auto room = net::check_room_for(kDescriptorsOfALoop); !room) return std::move(room).error();
  std::unique_ptr<Worker> worker(new Worker);  // NOLINT: its constructor is private
  Beginning beginning{.worker = *worker, .settings = std::move(settings)};
  // Not std::thread, which has only an exception to say that there are too many.
  const int failure = ::pthread_create(&worker->thread_, nullptr, run, &beginning);
  if (failure != 0) return system_error(failure, "the system gives no thread for a worker");
  beginning.ready.get_future().wait();
  return worker;
}

void* Worker::run(void* beginning) {
  // Signals are control's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  auto& given = *static_cast<Beginning*>(beginning);
  net::Loop loop;
  proxy::Service service(loop, std::move(given.settings));
  given.worker.loop_ = &loop;
  given.worker.service_ = &service;
  given.ready.set_value();
  loop.run();
  return nullptr;
}

Worker::~Worker() {
  if (loop_ == nullptr) return;  // Never begun.
  loop_->post([this] { loop_->stop(); });
  ::pthread_join(thread_, nullptr);
}

void Worker::post(std::function<void(proxy::Service&)> task) {
  loop_->post([this, task = std::move(task)] { task(*service_); });
}

}  // namespace sluice::workers
