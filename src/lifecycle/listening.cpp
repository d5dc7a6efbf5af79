#include "lifecycle/listening.h"

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {

using Queue = proxy::Service::Queue;

const Address* Listening::address(const std::string& id) const {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second->address;
}

void Listening::change(SocketsById next) {
  for (const auto& [id, listener] : next) {
    if (sockets_.contains(id)) continue;
    listen(id, listener, 0);
    keep(id, *listener);
    log_.info("listening" + field("address", listener->address.text()));
  }
  for (const auto& [id, listener] : sockets_) {
    if (!next.contains(id)) retire(id, listener);
  }
  sockets_ = std::move(next);
}

/// Deals the sockets from this one on to the workers in turn.
void Listening::listen(const std::string& id, const std::shared_ptr<ListenerSockets>& listener, size_t from) {
  for (size_t i = from; i < listener->sockets.size(); ++i) {
    // The vector may grow meanwhile, its sockets' descriptors stay.
    const net::ListeningSocket* socket = listener->sockets[i].get();
    workers_[i % workers_.size()].post(
        [id, listener, socket](proxy::Service& service) { service.listen(id, *socket); });
  }
}

/// A shared one is the other process's to be kept.
void Listening::keep(const std::string& id, const ListenerSockets& listener) const {
  if (manager_ == nullptr || listener.lent || listener.shared) return;
  std::vector<int> descriptors;
  for (const auto& socket : listener.sockets) {
    descriptors.push_back(socket->descriptor());
    if (!socket->shares_address()) break;  // The others are the same.
  }
  manager_->keep(kept_name(id), descriptors);
}

void Listening::forget() {
  if (manager_ == nullptr) return;
  for (const auto& [id, listener] : sockets_) manager_->forget(kept_name(id));
}

/// The sockets close when the last worker has accepted everything in their queues.
void Listening::retire(const std::string& id, const std::shared_ptr<ListenerSockets>& listener) {
  if (listener->lent) return stop_listening(id, listener, Queue::leave);
  if (manager_ != nullptr) manager_->forget(kept_name(id));
  for (auto& socket : listener->sockets) socket->refuse_new_connections();
  auto leaving = std::make_unique<Leaving>();
  leaving->id = id;
  leaving->listener = listener;
  leaving->half_open_over.set_callback([this, leaving = leaving.get()] { close(*leaving); });
  loop_.deadlines().arm(leaving->half_open_over, kHalfOpen);
  leaving_.push_back(std::move(leaving));
}

void Listening::close(Leaving& leaving) {
  stop_listening(leaving.id, leaving.listener, Queue::accept);
  log_.info("listener drained" + field("address", leaving.listener->address.text()));
  std::erase_if(leaving_, [&](const auto& other) { return other.get() == &leaving; });
}

void Listening::stop_listening(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                               Queue queue) {
  workers_.post_to_all([id, listener, queue](proxy::Service& service) { service.stop_listening(id, queue); });
}

std::set<std::string> Listening::shared() const {
  std::set<std::string> ids;
  for (const auto& [id, listener] : sockets_) {
    if (listener->shared) ids.insert(id);
  }
  return ids;
}

void Listening::own() {
  for (const auto& [id, listener] : sockets_) {
    if (!std::exchange(listener->shared, false)) continue;
    if (!listener->lent) listener->sockets.front()->take_file();
    const size_t before = listener->sockets.size();
    if (auto widened = widen(*listener, workers_.size()); !widened) {
      log_.warning("some workers have no socket of their own" + field("address", listener->address.text()) +
                   field("cause", widened.error().message));
    }
    listen(id, listener, before);
    keep(id, *listener);
  }
}

void Listening::hand_over(const std::set<std::string>& ids, Server::Clients clients) {
  for (const std::string& id : ids) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    const auto listener = found->second;
    for (auto& socket : listener->sockets) socket->leave_file();
    if (clients == Server::Clients::finish) {
      stop_listening(id, listener, Queue::leave);
    } else {
      workers_.post_to_all([id, listener](proxy::Service& service) { service.hand_over(id); });
    }
    sockets_.erase(found);
  }
}

bool Listening::refuse_new_connections() {
  std::set<std::string> lent;
  for (const auto& [id, listener] : sockets_) {
    if (listener->lent) lent.insert(id);
  }
  hand_over(lent, Server::Clients::finish);
  for (auto& [id, listener] : sockets_) {
    for (auto& socket : listener->sockets) socket->refuse_new_connections();
  }
  return !sockets_.empty() || !leaving_.empty();
}

}  // namespace sluice::lifecycle
