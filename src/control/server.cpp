// Control: what changes, and what goes to another process.
#include <sluice/net/descriptors.h>

#include <algorithm>

#include "control/server_impl.h"

namespace sluice::control {

Server::Server(net::Loop& loop, Log& log, std::string config_path, std::function<void()> on_finished)
    : impl_(std::make_unique<Impl>(loop, log, std::move(config_path), std::move(on_finished))) {
  // In a later turn: what comes back from a process that has died is given to workers first.
  impl_->predecessors.on_settle([this] { impl_->loop.post([this] { settle(); }); });
}

Server::~Server() = default;

Result<void> Server::start(config::Config config, const StartOptions& origin) {
  return impl_->start(std::move(config), origin);
}

Result<Server::Change> Server::reload(AdminChanges admin_changes, Revision revision) {
  return impl_->reload(admin_changes, revision);
}

Result<Server::Change> Server::change(const std::function<Result<bool>(desired::DesiredState&)>& edit,
                                      Revision revision) {
  return impl_->change(edit, revision);
}

Result<void> Server::check_revision(Revision revision) const {
  return impl_->check_revision(revision);
}

void Server::forget_traffic_verdicts(const desired::BackendKey& backend) {
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
  return impl_->draining.has_begun();
}

Result<HandoffState> Server::handoff_state() const {
  if (auto may = impl_->pauses.require_none(); !may) return std::move(may).error();
  auto handoff = collect(impl_->listening.sockets_to_pass(), *impl_->durable, *impl_->current,
                         *impl_->monitor, impl_->newest);
  if (!handoff) return handoff;
  handoff->state.places = impl_->names.places();
  handoff->state.listening = impl_->listening.ours();
  if (impl_->events != nullptr) handoff->state.events = impl_->events->since(0);
  return handoff;
}

std::set<std::string> Server::shared_listeners() const {
  return impl_->listening.shared();
}

void Server::own(listeners::Alone alone) {
  impl_->owns = true;
  impl_->awaits_word = false;
  impl_->listening.own(alone);
  if (alone == listeners::Alone::yes) impl_->durable->be_alone();
  impl_->durable->write(impl_->newest);
  catch_up();
}

void Server::hand_over(const std::set<std::string>& listeners, listeners::Clients clients) {
  impl_->changes_held = false;
  impl_->listening.hand_over(listeners, clients);
  impl_->listening.forget();
  impl_->durable->release_file();
  impl_->leave("handed over");
}

Migration& Server::migration() {
  return impl_->migration;
}

/// A connection that comes late goes on to the successor of this process, which checks it itself.
bool Server::may_adopt(const proxy::ConnectionState& connection) const {
  if (impl_->migration.is_open()) return true;
  if (is_stopping() || !impl_->listening.sockets().contains(connection.listener)) return false;
  if (!connection.tunnel) return true;
  return known_state(impl_->current.get(), connection.tunnel->pool, connection.tunnel->backend) != nullptr;
}

size_t Server::connection_capacity() const {
  const uint64_t most = config().server.max_connections;
  const uint64_t here = impl_->workers.connections();
  return std::min<size_t>(most - std::min(most, here), net::descriptors_left_for_clients());
}

void Server::adopt_connection(proxy::MigratedConnection connection) {
  if (impl_->migration.is_open()) return impl_->migration.add(std::move(connection));
  impl_->workers.dispatch(std::move(connection), &proxy::Service::adopt);
}

Predecessors& Server::predecessors() {
  return impl_->predecessors;
}

const Predecessors& Server::predecessors() const {
  return impl_->predecessors;
}

}  // namespace sluice::control
