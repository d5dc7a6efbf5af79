// Control of a process on standby: what it keeps, and how it resumes. Its workers and probes go on all the
// time.
#include <algorithm>
#include <utility>

#include "control/server_impl.h"

namespace sluice::control {
namespace {

/// Of backends that this process has not probed meanwhile. What it knows of the others is as new, and its
/// own.
std::vector<HandedHealth> news_of_others(std::vector<HandedHealth> backends,
                                         const proxy::Generation& current) {
  std::erase_if(backends, [&](const HandedHealth& each) {
    return known_state(&current, each.pool, each.address) != nullptr;
  });
  return backends;
}

}  // namespace

void Server::suspend(const std::set<std::string>& listeners, listeners::Clients clients) {
  impl_->stands_by = true;
  impl_->owns = false;
  impl_->changes_held = false;
  impl_->listening.suspend(listeners, clients);
}

bool Server::is_suspended() const {
  return impl_->stands_by;
}

std::set<std::string> Server::suspended_listeners() const {
  return impl_->listening.suspended();
}

/// The other process may have opened them anew; until that is gone, no other process can.
void Server::borrow_listeners(HandoffState& from) {
  Impl& impl = *impl_;
  impl.listening.borrow({});
  impl.listening.add_foreign(ids_of_listeners(from));
  impl.listening.drop_unreachable();
  const auto kept = impl.listening.suspended();
  std::erase_if(from.sockets,
                [&](const auto& each) { return each.what.lent || kept.contains(each.what.name); });
  auto borrowed = inherit_sockets(&from, impl.current->config(), impl.workers.accepting());
  if (borrowed) return impl.listening.borrow(*std::move(borrowed));
  impl.log.error("listener lost" + field("cause", borrowed.error().message));
}

void Server::stop_standing_by(bool has_successor) {
  impl_->stands_by = false;
  if (!has_successor) impl_->workers.post_all([](proxy::Service& service) { service.retire_left(); });
  impl_->listening.release_suspended();
  impl_->durable->release_file();
  impl_->leave("handed over");
}

/// Nothing may fail from here on: the process that left all this does not accept any more.
void Server::resume(HandoffState& from) {
  Impl& impl = *impl_;
  if (impl.events != nullptr) impl.events->append_from(std::move(from.state.events), from.newest_event);
  desired::DesiredState next = impl.durable->desired();
  next.replace_changes(std::move(from.state.saved.changes));
  impl.newest = std::max(impl.newest, from.state.saved.generation);
  impl.durable->set_in_memory(std::move(next));
  impl.stands_by = false;
  impl.owns = true;
  const auto health = news_of_others(std::move(from.state.backends), *impl.current);
  auto sockets = listeners::open_available(impl.current->config(), impl.listening.take_suspended(),
                                           impl.listening.ours(), impl.log);
  impl.publish(std::move(sockets), "returned", &health);
  impl.workers.post_all([](proxy::Service& service) { service.cancel_migration(); });
  for (auto& connection : impl.migration.reclaim()) {
    impl.workers.dispatch(std::move(connection), &proxy::Service::adopt);
  }
  impl.names.seed(from.state.places);
  impl.durable->write(impl.newest);  // Clients have waited long enough, and the changes are there already.
  impl.loop.post([this] { settle(); });
}

void Server::resume_alone(uint64_t generation, uint64_t event) {
  HandoffState from;
  from.newest_event = event;
  from.state.saved.changes = impl_->durable->desired().changes();
  if (auto kept = impl_->durable->reload()) from.state.saved = *std::move(kept);
  from.state.saved.generation = std::max(from.state.saved.generation, generation);
  resume(from);
}

void Server::be_alone() {
  impl_->listening.be_alone();
  impl_->durable->be_alone();
  impl_->durable->write(impl_->newest);
}

void Server::on_generation(std::function<void()> callback) {
  impl_->on_generation = std::move(callback);
}

}  // namespace sluice::control
