// Control: what changes, and what goes to another process.
#include <sluice/net/descriptors.h>

#include <algorithm>

#include "lifecycle/server_impl.h"

namespace sluice::lifecycle {

Server::Server(net::Loop& loop, Log& log, std::string config_path, std::function<void()> on_finished)
    : impl_(std::make_unique<Impl>(loop, log, std::move(config_path), std::move(on_finished))) {}

Server::~Server() = default;

Result<void> Server::start(config::Config config, const Origin& origin) {
  return impl_->start(std::move(config), origin);
}

Result<Server::Change> Server::reload(AdminChanges admin_changes, Revision revision) {
  return impl_->reload(admin_changes, revision);
}

Result<Server::Change> Server::change(const std::function<Result<bool>(DesiredState&)>& edit,
                                      Revision revision) {
  return impl_->change(edit, revision);
}

Result<void> Server::check_revision(Revision revision) const {
  return impl_->check_revision(revision);
}

void Server::clear(const BackendKey& backend) {
  if (const auto state = known_state(impl_->current.get(), backend.first, backend.second)) {
    impl_->monitor->clear(state);
  }
}

void Server::reopen_logs() {
  impl_->logs.reopen();
}

observe::Events* Server::events() const {
  return impl_->events;
}

std::optional<LogLevel> Server::log_level() const {
  const observe::LogWriter* const writer = impl_->logs.writer();
  return writer == nullptr ? std::nullopt : std::optional(writer->level());
}

bool Server::set_log_level(LogLevel level) {
  observe::LogWriter* const writer = impl_->logs.writer();
  if (writer == nullptr) return false;
  const LogLevel before = writer->level();
  if (before == level) return true;
  writer->set_level(std::min(before, level));  // So that this line is among those that are written.
  impl_->log.info("log level changed" + field("was", name(before)) + field("level", name(level)));
  writer->set_level(level);
  return true;
}

bool Server::is_stopping() const {
  return impl_->stopping.has_begun();
}

Result<Estate> Server::estate() const {
  if (auto may = impl_->pauses.check_none(); !may) return std::move(may).error();
  auto estate = make_estate(impl_->listening.sockets_to_pass(), *impl_->durable, *impl_->current,
                            *impl_->monitor, impl_->newest);
  if (!estate) return estate;
  estate->state.places = impl_->names.places();
  if (impl_->events != nullptr) estate->state.events = impl_->events->since(0);
  return estate;
}

std::set<std::string> Server::shared_listeners() const {
  return impl_->listening.shared();
}

void Server::own(Alone alone) {
  impl_->owns = true;
  impl_->awaits_word = false;
  impl_->listening.own(alone);
  if (alone == Alone::yes) impl_->durable->forget_redundant();
  impl_->durable->write(impl_->newest);
  catch_up();
}

void Server::hand_over(const std::set<std::string>& listeners, Clients clients) {
  impl_->changes_held = false;
  impl_->listening.hand_over(listeners, clients);
  impl_->listening.forget();
  impl_->durable->let_go_of_file();
  impl_->leave("handed over");
}

Departures& Server::departures() {
  return impl_->departures;
}

/// One that comes late goes on to the process that has taken over from this one, which looks for itself.
bool Server::may_take(const proxy::ConnectionRecord& connection) const {
  if (impl_->departures.is_open()) return true;
  if (is_stopping() || !impl_->listening.sockets().contains(connection.listener)) return false;
  if (!connection.tunnel) return true;
  return known_state(impl_->current.get(), connection.tunnel->pool, connection.tunnel->backend) != nullptr;
}

size_t Server::room_for_clients() const {
  const uint64_t most = config().server.max_connections;
  const uint64_t here = impl_->workers.connections();
  return std::min<size_t>(most - std::min(most, here), net::descriptors_left_for_clients());
}

void Server::take(proxy::MovedConnection connection) {
  if (impl_->departures.is_open()) return impl_->departures.add(std::move(connection));
  impl_->workers.give(std::move(connection), &proxy::Service::take);
}

Predecessors& Server::predecessors() {
  return impl_->predecessors;
}

const Predecessors& Server::predecessors() const {
  return impl_->predecessors;
}

}  // namespace sluice::lifecycle
