#include "proxy/served_listeners.h"

#include <algorithm>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr size_t kMovedInATurn = 64;  // so that those that stay are served in between

}  // namespace

ServedListeners::ServedListeners(net::Network& network, ClientContext& context,
                                 const wire::MakeServerConnection& make_connection,
                                 std::function<void()> on_accepted)
    : network_(network),
      context_(context),
      make_connection_(make_connection),
      on_accepted_(std::move(on_accepted)) {}

ServedListeners::Share::Share(ServedListeners& the_all, ListenerName the_name)
    : all(the_all),
      name(std::move(the_name)),
      entrance(the_all.context_.wire, the_all.make_connection_, *this) {}

// ---- listeners

/// This worker may have no socket of that listener yet.
ServedListeners::Share& ServedListeners::share_of(const std::string& id) {
  std::unique_ptr<Share>& share = shares_[id];
  if (!share) share = std::make_unique<Share>(*this, names_.of(id));
  return *share;
}

void ServedListeners::configure(const config::Config& config) {
  names_.update(config);
  for (auto& [id, share] : shares_) configure(id, *share, config);
}

void ServedListeners::configure(const std::string& id, Share& share, const config::Config& config) {
  entrance::ListenerOptions options = share.entrance.options();
  for (const auto& configured : config.listeners) {
    if (configured.bind.text() == id) options.proxy_protocol = configured.proxy_protocol;
  }
  share.entrance.configure(options);
}

void ServedListeners::listen(const std::string& id, const net::ListeningSocket& socket) {
  Share& share = share_of(id);
  entrance::ListenerOptions options = share.entrance.options();
  options.local = socket.address();
  share.entrance.configure(options);
  configure(id, share, config());
  share.entrance.accept_on(network_, socket);
}

void ServedListeners::stop_accepting(const std::string& id, const net::ListeningSocket& socket) {
  const auto found = shares_.find(id);
  if (found != shares_.end()) found->second->entrance.leave(socket);
}

void ServedListeners::pause() {
  for (auto& [id, share] : shares_) share->entrance.pause();
}

void ServedListeners::resume() {
  for (auto& [id, share] : shares_) share->entrance.resume();
}

void ServedListeners::accept_no_more() {
  for (auto& [id, share] : shares_) share->entrance.stop();
}

void ServedListeners::stop_listening(const std::string& id, Service::Queue queue) {
  const auto found = shares_.find(id);
  if (found != shares_.end()) stop_listening(found, queue);
}

void ServedListeners::stop_listening(Shares::iterator share, Service::Queue queue) {
  if (queue == Service::Queue::accept) share->second->entrance.accept_queue();
  while (ClientConnection* connection = share->second->connections.pop_front()) {
    left_.push_back(*connection);
    connection->retire();
  }
  share->second->retire(Patience::quiet);
  leave(share);
}

void ServedListeners::drain() {
  while (!shares_.empty()) stop_listening(shares_.begin(), Service::Queue::accept);
}

/// The listener is gone. Those that still arrive there do so.
void ServedListeners::leave(Shares::iterator share) {
  share->second->entrance.stop();
  share->second->is_gone = true;
  if (share->second->entrance.is_awaiting()) gone_.push_back(std::move(share->second));
  shares_.erase(share);
}

// ---- those that arrive

void ServedListeners::Share::on_open(std::unique_ptr<wire::ServerConnection> connection) {
  ClientConnection& made = ClientConnection::make(std::move(connection), all.context_, name);
  all.place(*this, made);
  all.forget(*this);
  made.begin();
}

void ServedListeners::Share::on_lost() {
  const auto on_over = all.context_.on_connection_over;  // Not of this, which may go.
  all.forget(*this);
  on_over();
}

void ServedListeners::Share::retire(Patience how) {
  retires = how;
  tunnel_ends = all.context_.tunnel_ends(tunnel_ends);
}

/// A new connection is where it would be had it been there when its listener went.
void ServedListeners::place(Share& share, ClientConnection& connection) {
  if (!share.is_gone) return share.connections.push_back(connection);
  (share.moves ? moving_ : left_).push_back(connection);
  if (share.to_move != nullptr) connection.mark_for_migration(*share.to_move);
  connection.bound_tunnel(share.tunnel_ends);
  if (share.retires) connection.retire(*share.retires);
}

/// A listener that is gone, once nothing arrives there any more.
void ServedListeners::forget(const Share& share) {
  if (!share.is_gone || share.entrance.is_awaiting()) return;
  std::erase_if(gone_, [&](const auto& each) { return each.get() == &share; });
}

// ---- from another owner

ClientConnection& ServedListeners::add(std::unique_ptr<wire::ServerConnection> connection,
                                       const std::string& listener, bool stays) {
  ClientConnection& made = ClientConnection::make(std::move(connection), context_, names_.of(listener));
  (stays ? share_of(listener).connections : left_).push_back(made);
  if (!stays) made.mark_for_migration(name_of_migrated(listener));
  return made;
}

void ServedListeners::add_arrival(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                                  const std::string& listener, bool stays) {
  if (stays) return share_of(listener).entrance.go_on(std::move(transport), std::move(from));
  Share& share = *gone_.emplace_back(std::make_unique<Share>(*this, names_.of(listener)));
  share.is_gone = true;
  share.to_move = &name_of_migrated(listener);
  share.retire(Patience::idle);
  share.entrance.go_on(std::move(transport), std::move(from));
}

// ---- to another owner

/// As long as cancel_migration() may want to know it.
const std::string& ServedListeners::name_of_migrated(const std::string& listener) {
  const auto known = std::ranges::find(migrated_, listener);
  return known != migrated_.end() ? *known : migrated_.emplace_back(listener);
}

void ServedListeners::migrate(const std::string& id) {
  const auto found = shares_.find(id);
  if (found != shares_.end()) migrate(found);
}

void ServedListeners::migrate_all() {
  while (!shares_.empty()) migrate(shares_.begin());
}

void ServedListeners::migrate(Shares::iterator share) {
  const std::string& name = name_of_migrated(share->first);
  const bool is_first = !is_moving();
  while (ClientConnection* connection = share->second->connections.pop_front()) {
    moving_.push_back(*connection);
    connection->mark_for_migration(name);
  }
  share->second->to_move = &name;
  share->second->moves = true;
  leave(share);
  if (is_first) move_some();
}

bool ServedListeners::is_moving() const {
  return !moving_.empty() || std::ranges::any_of(gone_, [](const auto& share) { return share->moves; });
}

void ServedListeners::move_some() {
  for (size_t i = 0; i < kMovedInATurn; ++i) {
    if (move_arrival()) continue;
    ClientConnection* const connection = moving_.pop_front();
    if (connection == nullptr) return;
    left_.push_back(*connection);
    connection->migrate();
  }
  network_.executor().post([this] { move_some(); });
}

/// One that still arrives, when there is one to move. Those that cannot be moved end here.
bool ServedListeners::move_arrival() {
  const auto found = std::ranges::find_if(gone_, [](const auto& share) { return share->moves; });
  if (found == gone_.end()) return false;
  Share& share = **found;
  auto suspended = share.entrance.suspend_arrival();
  if (!suspended) {
    share.moves = false;
    share.retire(Patience::idle);
    return true;
  }
  context_.on_moved({.record = {.listener = *share.to_move, .at = std::move(suspended->at)},
                     .client = std::move(suspended->connection)});
  share.on_lost();
  return true;
}

void ServedListeners::stop_migrating() {
  while (ClientConnection* connection = moving_.pop_front()) left_.push_back(*connection);
  for (ClientConnection* connection = left_.front(); connection != nullptr;
       connection = left_.next(*connection)) {
    connection->retire(connection->is_to_move() ? Patience::idle : Patience::quiet);
  }
  for (const auto& share : gone_) {
    share->moves = false;
    share->retire(share->to_move != nullptr ? Patience::idle : Patience::quiet);
  }
}

void ServedListeners::retire_left() {
  for (ClientConnection* connection = left_.front(); connection != nullptr;
       connection = left_.next(*connection)) {
    connection->retire();
  }
  for (const auto& share : gone_) share->retire(Patience::quiet);
}

void ServedListeners::cancel_migration() {
  for (ClientConnections* list : {&moving_, &left_}) {
    ClientConnections others;
    while (ClientConnection* connection = list->pop_front()) {
      const std::string* listener = connection->cancel_migration();
      (listener == nullptr ? others : share_of(*listener).connections).push_back(*connection);
    }
    while (ClientConnection* connection = others.pop_front()) list->push_back(*connection);
  }
  for (const auto& share : gone_) {
    if (share->to_move != nullptr) share_of(*share->to_move).entrance.take_arrivals(share->entrance);
  }
  std::erase_if(gone_, [](const auto& share) { return share->to_move != nullptr; });
  migrated_.clear();
}

// ---- the end

ClientConnection* ServedListeners::any_connection() {
  if (ClientConnection* connection = left_.front()) return connection;
  if (ClientConnection* connection = moving_.front()) return connection;
  for (auto& [id, share] : shares_) {
    if (ClientConnection* connection = share->connections.front()) return connection;
  }
  return nullptr;
}

/// Those that still arrive have asked for nothing.
void ServedListeners::close_arrivals() {
  size_t closed = 0;
  for (auto& [id, share] : shares_) closed += share->entrance.close_arrivals();
  for (const auto& share : std::exchange(gone_, {})) closed += share->entrance.close_arrivals();
  for (; closed > 0; --closed) context_.on_connection_over();
}

void ServedListeners::answer_all() {
  close_arrivals();
  ClientConnections all;
  while (ClientConnection* connection = any_connection()) {
    connection->hook.unlink();
    all.push_back(*connection);
  }
  while (ClientConnection* connection = all.pop_front()) {
    left_.push_back(*connection);
    connection->end();
  }
}

void ServedListeners::close_all() {
  close_arrivals();
  while (ClientConnection* connection = any_connection()) connection->close();
}

}  // namespace sluice::proxy
