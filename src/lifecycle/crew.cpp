#include "lifecycle/crew.h"

#include <utility>

namespace sluice::lifecycle {

void Crew::start(unsigned count, const Told& told) {
  counters_ = std::vector<observe::WorkerCounters>(count);
  for (unsigned i = 0; i < count; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(proxy::ServiceSettings{.worker = i,
                                                        .workers = count,
                                                        .counters = counters_[i],
                                                        .client_counts = client_counts_,
                                                        .on_trouble = told.of_trouble,
                                                        .on_generation_drained = told.of_drained_generation,
                                                        .on_moved = told.of_moved}));
  }
}

void Crew::post_to_all(const std::function<void(proxy::Service&)>& task) const {
  for (const auto& worker : workers_) worker->post(task);
}

void Crew::ask_all(std::function<void()> all_answered) const {
  const auto left = std::make_shared<size_t>(workers_.size());
  const auto answer = [left, all_answered = std::move(all_answered)] {
    if (--*left == 0) all_answered();
  };
  post_to_all([&loop = loop_, answer](proxy::Service&) { loop.post(answer); });
}

void Crew::give(proxy::MovedConnection connection, void (proxy::Service::*how)(proxy::MovedConnection)) {
  ++giving_;
  const auto shared = std::make_shared<proxy::MovedConnection>(std::move(connection));
  workers_[next_++ % workers_.size()]->post([this, shared, how](proxy::Service& service) {
    (service.*how)(std::move(*shared));
    loop_.post([this] { --giving_; });
  });
}

uint64_t Crew::connections() const {
  uint64_t sum = giving_;
  for (const auto& worker : counters_) sum += worker.connections.get();
  return sum;
}

void Crew::add_to(Totals& totals) const {
  for (const auto& worker : counters_) totals.add(worker);
}

}  // namespace sluice::lifecycle
