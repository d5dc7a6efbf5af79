// Control: what it reports of itself, its workers and its backends.
#include <algorithm>
#include <utility>

#include "control/describe_backends.h"
#include "control/server_impl.h"

namespace sluice::control {
namespace {

constexpr size_t kMostHolders = 5;
constexpr Duration kAskPatience{2000};  // with workers that are asked

}  // namespace

Wait Server::when(std::function<bool()> condition, Duration bound, std::function<void(bool)> callback) {
  return impl_->conditions.when(std::move(condition), bound, std::move(callback));
}

bool Server::is_adopted(uint64_t generation) const {
  return impl_->ledger.is_adopted(generation);
}

const config::Config& Server::config() const {
  return impl_->current->config();
}

uint64_t Server::generation() const {
  return impl_->newest;
}

const desired::DesiredState& Server::desired() const {
  return impl_->durable->desired();
}

Wait Server::ask_generations(std::function<void(std::vector<GenerationInfo>)> callback) {
  const auto uses = std::make_shared<std::map<uint64_t, proxy::GenerationUse>>();
  return ask_each_worker(
      [uses](const proxy::Service& service) {
        return [uses, found = service.generations(kMostHolders)] {
          for (const auto& use : found) add((*uses)[use.number], use, kMostHolders);
        };
      },
      [impl = impl_.get(), uses, callback = std::move(callback)] {
        callback(impl->describe_generations(std::move(*uses)));
      });
}

Wait Server::ask_each_worker(WorkerQuery question, std::function<void()> callback) {
  const auto left = std::make_shared<size_t>(impl_->workers.running().size());
  impl_->workers.post_all(
      [&loop = impl_->loop, left, question = std::move(question)](const proxy::Service& service) {
        loop.post([left, answer = question(service)] {
          answer();
          --*left;
        });
      });
  return impl_->conditions.when([left] { return *left == 0; }, kAskPatience,
                                [callback = std::move(callback)](bool) { callback(); });
}

Wait Server::ask_accounts(std::function<void(const std::vector<observe::Account>&)> callback) {
  const auto accounts = std::make_shared<std::vector<observe::Account>>(impl_->workers.accounts());
  return ask_each_worker(
      [accounts](const proxy::Service& service) {
        return [accounts, account = service.account()] {
          if (account.worker < accounts->size()) (*accounts)[account.worker] = account;
        };
      },
      [accounts, callback = std::move(callback)] { callback(*accounts); });
}

/// Later, when it cannot be now: by this process once it has come back, or by the next one.
void Server::settle() {
  if (!impl_->may_settle()) return;
  impl_->settling = ask_accounts([this](const std::vector<observe::Account>& accounts) {
    if (!impl_->may_settle()) return;
    observe::Account here;
    for (const auto& each : accounts) here.add(each);
    impl_->predecessors.settle(here);
  });
}

size_t Server::leaving_workers() const {
  return impl_->workers.running().size() - impl_->workers.accepting();
}

std::vector<ListenerInfo> Server::listeners() const {
  std::vector<ListenerInfo> infos;
  for (const auto& listener : config().listeners) {
    const Address* address = impl_->listening.address(listener.bind.text());
    infos.push_back({listener.name, address == nullptr ? listener.bind : *address});
  }
  return infos;
}

std::shared_ptr<upstream::BackendState> Server::backend_state(const std::string& pool,
                                                              const Address& address) const {
  auto state = known_state(impl_->current.get(), pool, address);
  return state ? state : impl_->backend_states.former(pool, address);
}

std::vector<BackendInfo> Server::backends(std::string_view pool) const {
  return describe_backends(*impl_->current, *impl_->monitor, pool);
}

QueueInfo Server::queue(const std::string& pool) const {
  const auto found = config().pools.find(pool);
  if (found == config().pools.end()) return {};
  const auto count = impl_->workers.queue_counts().of(pool);
  QueueInfo info{.waiting = count->get(), .most = found->second->queue.max};
  if (const auto since = count->oldest()) info.oldest = std::max(now() - *since, Duration::zero());
  return info;
}

upstream::ProbeSchedule::Load Server::probes() const {
  return impl_->monitor->load();
}

observe::Totals Server::totals() const {
  observe::Totals totals = own_totals();
  totals.add(impl_->predecessors.totals());
  return totals;
}

observe::Totals Server::own_totals() const {
  observe::Totals totals;
  impl_->workers.add_to(totals);
  totals.connections += impl_->migration.size();
  return totals;
}

LogLosses Server::log_losses() const {
  return impl_->logs.log_losses();
}

LogLosses Server::access_log_losses() const {
  return impl_->logs.access_losses();
}

void Server::ask_workers(std::function<void()> all_answered) {
  impl_->workers.ask_all(std::move(all_answered));
}

Duration Server::uptime() const {
  return impl_->loop.clock().now() - impl_->started;
}

std::optional<resolve::NameInfo> Server::name_info(const config::HostName& name) const {
  return impl_->names.info(name);
}

TimePoint Server::now() const {
  return impl_->loop.clock().now();
}

}  // namespace sluice::control
