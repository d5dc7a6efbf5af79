#include <sluice/workers/workers.h>

#include <utility>

namespace sluice::workers {

Result<void> Workers::start(unsigned count) {
  if (slots_.size() < count) slots_.resize(count);
  std::vector<unsigned> started;
  for (unsigned i = 0; i < count; ++i) {
    if (slots_[i].worker) continue;
    auto worker = Worker::start(settings_(i));
    if (!worker) {
      for (const unsigned each : started) slots_[each].worker.reset();
      return std::move(worker).error();
    }
    slots_[i] = {.worker = *std::move(worker), .leave = slots_[i].leave};
    started.push_back(i);
  }
  return {};
}

void Workers::release_surplus() {
  for (unsigned i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const bool leaves = i >= accepting_;
    if (!slot.worker || slot.is_leaving == leaves) continue;
    slot.is_leaving = leaves;
    ++slot.leave;
    log_.info((leaves ? "worker leaves" : "worker stays") + field("worker", static_cast<long long>(i)));
    post(i, [this, i, leaves, leave = slot.leave](proxy::Service& service) {
      if (!leaves) return service.when_empty(nullptr);
      service.migrate_all();
      service.when_empty([this, i, leave] { executor_.post([this, i, leave] { on_empty(i, leave); }); });
    });
  }
}

void Workers::on_empty(unsigned worker, uint64_t leave) {
  Slot& slot = slots_[worker];
  if (keeps_all_ || !slot.worker || !slot.is_leaving || slot.leave != leave) return;
  slot.worker.reset();
  slot.is_leaving = false;
  log_.info("worker ended" + field("worker", static_cast<long long>(worker)));
  on_gone_(worker);
}

std::set<unsigned> Workers::running() const {
  std::set<unsigned> living;
  for (unsigned i = 0; i < slots_.size(); ++i) {
    if (slots_[i].worker) living.insert(i);
  }
  return living;
}

void Workers::post_all(const Task& task) {
  for (auto& slot : slots_) {
    if (slot.worker) slot.worker->post(task);
  }
}

void Workers::ask_all(std::function<void()> all_answered) {
  const auto left = std::make_shared<size_t>(running().size());
  const auto answer = [left, all_answered = std::move(all_answered)] {
    if (--*left == 0) all_answered();
  };
  post_all([&executor = executor_, answer](proxy::Service&) { executor.post(answer); });
}

void Workers::dispatch(proxy::MigratedConnection connection,
                       void (proxy::Service::*how)(proxy::MigratedConnection)) {
  ++dispatching_;
  const auto shared = std::make_shared<proxy::MigratedConnection>(std::move(connection));
  post(next_++ % accepting_, [this, shared, how](proxy::Service& service) {
    (service.*how)(std::move(*shared));
    executor_.post([this] { --dispatching_; });
  });
}

uint64_t Workers::connections() const {
  uint64_t sum = dispatching_;
  for (const auto& worker : counters_) sum += worker.connections.get();
  return sum;
}

void Workers::add_to(observe::Totals& totals) const {
  for (const auto& worker : counters_) totals.add(worker);
}

std::vector<observe::Account> Workers::accounts() const {
  std::vector<observe::Account> accounts;
  for (const auto& each : counters_) {
    accounts.push_back(account_of(each, static_cast<unsigned>(accounts.size()), 0));
  }
  return accounts;
}

observe::WorkerCounters& Workers::counters(unsigned worker) {
  while (counters_.size() <= worker) counters_.emplace_back();
  return counters_[worker];
}

}  // namespace sluice::workers
