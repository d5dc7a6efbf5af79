// Control of a process that has been taken over from and stands by: what it keeps, and how it goes on. Its
// workers and probes go on all the time.
#include <algorithm>
#include <utility>

#include "lifecycle/server_impl.h"

namespace sluice::lifecycle {
namespace {

/// Of backends that it has not probed itself meanwhile. What it knows of the others is as new, and its own.
std::vector<PassedHealth> news_of_others(std::vector<PassedHealth> backends,
                                         const proxy::Generation& current) {
  std::erase_if(backends, [&](const PassedHealth& each) {
    return known_state(&current, each.pool, each.address) != nullptr;
  });
  return backends;
}

}  // namespace

void Server::stand_by(const std::set<std::string>& listeners, Clients clients) {
  impl_->stands_by = true;
  impl_->owns = false;
  impl_->changes_held = false;
  impl_->listening.stand_by(listeners, clients);
}

bool Server::is_standing_by() const {
  return impl_->stands_by;
}

std::set<std::string> Server::kept_listeners() const {
  return impl_->listening.kept();
}

/// The other process may have opened them anew; until it is gone nobody else can.
void Server::borrow_listeners(Estate& from) {
  Impl& impl = *impl_;
  impl.listening.borrow({});
  impl.listening.forget_lost();
  const auto kept = impl.listening.kept();
  std::erase_if(from.sockets,
                [&](const auto& each) { return each.what.lent || kept.contains(each.what.name); });
  auto borrowed = inherit_sockets(&from, impl.current->config(), impl.workers.accepting());
  if (borrowed) return impl.listening.borrow(*std::move(borrowed));
  impl.log.error("listener lost" + field("cause", borrowed.error().message));
}

void Server::stop_standing_by() {
  impl_->stands_by = false;
  impl_->listening.let_go_of_kept();
  impl_->durable->let_go_of_file();
  impl_->leave("handed over");
}

/// Nothing fails from here on: who left all this does not accept any more.
void Server::come_back(Estate& from) {
  Impl& impl = *impl_;
  if (impl.events != nullptr) impl.events->go_on_behind(std::move(from.state.events), from.newest_event);
  DesiredState next = impl.durable->desired();
  next.replace_changes(std::move(from.state.saved.changes));
  impl.newest = std::max(impl.newest, from.state.saved.generation);
  impl.durable->assume(std::move(next));
  impl.stands_by = false;
  impl.owns = true;
  const auto health = news_of_others(std::move(from.state.backends), *impl.current);
  auto sockets = open_what_can_be(impl.current->config(), impl.listening.take_kept(), impl.log);
  impl.publish(std::move(sockets), "returned", &health);
  impl.workers.post_all([](proxy::Service& service) { service.stay(); });
  for (auto& connection : impl.departures.take_back()) {
    impl.workers.give(std::move(connection), &proxy::Service::take);
  }
  impl.names.know(from.state.places);
  impl.durable->write(impl.newest);  // Clients have waited long enough, and the changes are there already.
}

void Server::come_back_alone(uint64_t generation, uint64_t event) {
  Estate from;
  from.newest_event = event;
  from.state.saved.changes = impl_->durable->desired().changes();
  if (auto kept = impl_->durable->read_again()) from.state.saved = *std::move(kept);
  from.state.saved.generation = std::max(from.state.saved.generation, generation);
  come_back(from);
}

void Server::be_alone() {
  impl_->listening.be_alone();
  impl_->durable->forget_redundant();
  impl_->durable->write(impl_->newest);
}

void Server::on_generation(std::function<void()> callback) {
  impl_->on_generation = std::move(callback);
}

}  // namespace sluice::lifecycle
