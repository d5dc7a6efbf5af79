#include "lifecycle/listening.h"

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {

using Queue = proxy::Service::Queue;

namespace {

/// Whoever had them before may have refused some on its way out.
void take_new_connections(ListenerSockets& listener) {
  for (auto& socket : listener.sockets) socket->take_new_connections();
}

/// No more another process's as well.
void be_ours(ListenerSockets& listener) {
  listener.shared = false;
  take_new_connections(listener);
  if (!listener.lent) listener.sockets.front()->take_file();
}

}  // namespace

const Address* Listening::address(const std::string& id) const {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second->address;
}

void Listening::change(SocketsById next) {
  for (const auto& [id, listener] : next) {
    if (sockets_.contains(id)) continue;
    const std::string_view what = take_back(id) ? "listening again" : "listening";
    log_.info(std::string(what) + field("address", listener->address.text()));
  }
  for (const auto& [id, listener] : sockets_) {
    if (!next.contains(id)) retire(id, listener);
  }
  sockets_ = std::move(next);
  spread();
}

SocketsById Listening::sockets_to_pass() const {
  SocketsById all = sockets_;
  all.insert(aside_.begin(), aside_.end());
  return all;
}

void Listening::set_aside(const SocketsById& given) {
  for (const auto& [id, listener] : given) {
    if (listener->lent && !sockets_.contains(id)) aside_.emplace(id, listener);
  }
}

SocketsById Listening::open_sockets() const {
  SocketsById all = sockets_to_pass();
  for (const auto& leaving : leaving_) {
    if (!leaving->listener->address.is_local()) all.emplace(leaving->id, leaving->listener);
  }
  return all;
}

/// One that was gone for less time than it takes to close goes on, with its queue and its workers.
bool Listening::take_back(const std::string& id) {
  if (const auto aside = aside_.find(id); aside != aside_.end()) {
    take_new_connections(*aside->second);
    aside_.erase(aside);
    return true;
  }
  const auto found = std::ranges::find_if(leaving_, [&](const auto& each) { return each->id == id; });
  if (found == leaving_.end()) return false;
  if ((*found)->listener->address.is_local()) {
    close(**found);  // The new one is another, and workers know them by their address.
    return false;
  }
  take_new_connections(*(*found)->listener);
  leaving_.erase(found);
  return true;
}

void Listening::spread() {
  if (!accepts_) return;
  for (const auto& [id, listener] : sockets_) {
    // To more sockets the kernel would deal clients at once, and those would be this process's alone.
    if (!listener->shared && !listener->stood_by) widen_for_workers(*listener);
    deal(id, listener);
    keep(id, *listener);
  }
  for (const auto& leaving : leaving_) deal(leaving->id, leaving->listener);
}

void Listening::widen_for_workers(ListenerSockets& listener) const {
  auto widened = widen(listener, workers_.accepting());
  if (widened) return;
  log_.warning("some workers have no socket of their own" + field("address", listener.address.text()) +
               field("cause", widened.error().message));
}

/// To the workers in turn. A socket that changes hands is accepted on by both for a moment, and never by
/// nobody. One of many that are the same is no loss: who cannot share its address is dealt once to each
/// worker.
void Listening::deal(const std::string& id, const std::shared_ptr<ListenerSockets>& listener) {
  const auto& sockets = listener->sockets;
  const bool all_the_same = !sockets.front()->shares_address();
  for (size_t i = 0; i < sockets.size(); ++i) {
    // The vector may grow meanwhile, its sockets stay where they are.
    const net::ListeningSocket* socket = sockets[i].get();
    const auto before = accepted_by_.find(socket);
    const bool is_dealt = before != accepted_by_.end();
    const bool is_wanted = i < workers_.accepting() || !all_the_same;
    const auto next = static_cast<unsigned>(i % workers_.accepting());
    if (is_dealt && is_wanted && before->second == next) continue;
    if (is_wanted) {
      workers_.post(next, [id, listener, socket](proxy::Service& service) { service.listen(id, *socket); });
    }
    if (is_dealt) {
      workers_.post(before->second,
                    [id, listener, socket](proxy::Service& service) { service.stop_accepting(id, *socket); });
      accepted_by_.erase(before);
    }
    if (is_wanted) accepted_by_[socket] = next;
  }
}

/// A shared one is the other process's to be kept.
void Listening::keep(const std::string& id, ListenerSockets& listener) const {
  if (manager_ == nullptr || listener.lent || listener.shared) return;
  const auto& sockets = listener.sockets;
  const size_t distinct = sockets.front()->shares_address() ? sockets.size() : 1;
  if (listener.kept >= distinct) return;
  std::vector<int> descriptors;
  for (size_t i = listener.kept; i < distinct; ++i) descriptors.push_back(sockets[i]->descriptor());
  listener.kept = distinct;
  manager_->keep(kept_name(id), descriptors);
}

void Listening::forget() {
  if (manager_ == nullptr) return;
  for (const auto& [id, listener] : sockets_) manager_->forget(kept_name(id));
}

/// The sockets close when the last worker has accepted everything in their queues.
void Listening::retire(const std::string& id, const std::shared_ptr<ListenerSockets>& listener) {
  if (listener->lent) {
    aside_.emplace(id, listener);
    return stop_listening(id, listener, Queue::leave);
  }
  if (listener->shared) return stop_listening(id, listener, Queue::leave);  // It is another process's, too.
  if (manager_ != nullptr) manager_->forget(kept_name(id));
  listener->kept = 0;
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
  // The address is not free: another process has copies.
  if (leaving.listener->stood_by && !leaving.listener->address.is_local()) {
    aside_.emplace(leaving.id, leaving.listener);
  }
  std::erase_if(leaving_, [&](const auto& other) { return other.get() == &leaving; });
}

void Listening::stop_listening(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                               Queue queue) {
  for (const auto& socket : listener->sockets) accepted_by_.erase(socket.get());
  workers_.post_all([id, listener, queue](proxy::Service& service) { service.stop_listening(id, queue); });
}

std::set<std::string> Listening::shared() const {
  std::set<std::string> ids;
  for (const auto& [id, listener] : sockets_) {
    if (listener->shared) ids.insert(id);
  }
  return ids;
}

void Listening::own(Server::Alone alone) {
  accepts_ = true;
  for (const auto& [id, listener] : aside_) listener->shared = false;
  for (const auto& [id, listener] : sockets_) {
    if (!listener->shared) continue;
    be_ours(*listener);
    listener->stood_by = alone == Server::Alone::no;
  }
  spread();
}

void Listening::be_alone() {
  for (const auto& [id, listener] : sockets_) listener->stood_by = false;
  for (const auto& leaving : leaving_) leaving->listener->stood_by = false;
  std::erase_if(aside_, [](const auto& each) { return !each.second->lent; });
  spread();
}

void Listening::hand_over(const std::set<std::string>& ids, Server::Clients clients) {
  for (const std::string& id : ids) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    leave_to_other(id, found->second, clients);
    sockets_.erase(found);
  }
}

void Listening::leave_to_other(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                               Server::Clients clients) {
  for (auto& socket : listener->sockets) {
    socket->leave_file();
    accepted_by_.erase(socket.get());
  }
  if (clients == Server::Clients::finish) return stop_listening(id, listener, Queue::leave);
  workers_.post_all([id, listener](proxy::Service& service) { service.hand_over(id); });
}

/// What was lent is kept in any case: nobody else could open it.
void Listening::stand_by(const std::set<std::string>& ids, Server::Clients clients) {
  for (const auto& [id, listener] : sockets_) {
    const bool is_taken = ids.contains(id);
    if (!is_taken && !listener->lent) continue;
    leave_to_other(id, listener, is_taken ? clients : Server::Clients::finish);
    kept_[id] = listener;
  }
  std::erase_if(sockets_, [this](const auto& each) { return kept_.contains(each.first); });
  change({});
}

std::set<std::string> Listening::kept() const {
  std::set<std::string> ids;
  for (const auto* sockets : {&kept_, &borrowed_}) {
    for (const auto& [id, listener] : *sockets) ids.insert(id);
  }
  return ids;
}

/// The other process may have let go of it, with its file.
void Listening::forget_lost() {
  std::erase_if(kept_, [](const auto& each) { return !each.second->sockets.front()->is_reachable(); });
}

void Listening::let_go_of_kept() {
  kept_.clear();
  borrowed_.clear();
}

SocketsById Listening::take_kept() {
  forget_lost();
  SocketsById all = std::exchange(kept_, {});
  all.merge(std::exchange(borrowed_, {}));
  for (const auto& [id, listener] : all) {
    be_ours(*listener);
    listener->kept = 0;  // The other process may have had the manager forget them.
  }
  all.merge(open_sockets());
  return all;
}

bool Listening::refuse_new_connections() {
  std::set<std::string> lent;
  for (const auto& [id, listener] : sockets_) {
    if (listener->lent) lent.insert(id);
  }
  hand_over(lent, Server::Clients::finish);
  aside_.clear();
  for (auto& [id, listener] : sockets_) {
    for (auto& socket : listener->sockets) socket->refuse_new_connections();
  }
  return !sockets_.empty() || !leaving_.empty();
}

}  // namespace sluice::lifecycle
