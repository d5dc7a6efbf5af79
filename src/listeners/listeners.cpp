#include <sluice/listeners/listeners.h>

#include <algorithm>
#include <utility>

namespace sluice::listeners {

using Queue = proxy::Service::Queue;

namespace {

/// The process that had them before may have refused some on its way out.
void take_new_connections(ListenerSockets& listener) {
  for (auto& socket : listener.sockets) socket->take_new_connections();
}

void yield(ListenerSockets& listener) {
  for (auto& socket : listener.sockets) socket->yield_address();
}

/// Not shared with another process any more.
void be_ours(ListenerSockets& listener) {
  listener.shared = false;
  take_new_connections(listener);
  if (!listener.lent) listener.sockets.front()->take_file();
}

}  // namespace

bool Listeners::has_yielded(const ListenerSockets& listener) {
  return listener.sockets.front()->has_yielded();
}

net::SocketIds Listeners::ours() const {
  net::SocketIds ids = of_another_;
  for (const SocketsById* sockets : {&sockets_, &aside_, &borrowed_, &suspended_}) add_ids(*sockets, ids);
  for (const auto& leaving : leaving_) add_ids({{leaving->id, leaving->listener}}, ids);
  return ids;
}

const Address* Listeners::address(const std::string& id) const {
  const auto found = sockets_.find(id);
  return found == sockets_.end() ? nullptr : &found->second->address;
}

void Listeners::change(SocketsById next) {
  if (accepts_) {
    for (const auto& [id, listener] : next) listen_on(*listener);  // First: clients always find a listener.
  }
  make_way(next);
  change(std::move(next), Addresses::keep);
}

/// A listener that goes and overlaps one that comes would take its clients for as long as it is open.
void Listeners::make_way(const SocketsById& next) {
  const auto is_overlapped = [&](const std::string& id, const ListenerSockets& listener) {
    if (next.contains(id) || listener.lent || listener.shared) return false;
    return std::ranges::any_of(
        next, [&](const auto& other) { return net::overlap(other.second->address, listener.address); });
  };
  for (const auto& [id, listener] : sockets_) {
    if (is_overlapped(id, *listener)) yield(*listener);
  }
  for (const auto& leaving : leaving_) {
    if (is_overlapped(leaving->id, *leaving->listener)) yield(*leaving->listener);
  }
  std::erase_if(aside_, [&](const auto& each) {
    if (!is_overlapped(each.first, *each.second)) return false;
    yield(*each.second);
    return true;
  });
}

void Listeners::change(SocketsById next, Addresses of_those_that_go) {
  for (const auto& [id, listener] : next) {
    if (sockets_.contains(id)) continue;
    const std::string_view what = reopen(id) ? "listening again" : "listening";
    log_.info(std::string(what) + field("address", listener->address.text()));
  }
  for (const auto& [id, listener] : sockets_) {
    if (!next.contains(id)) retire(id, listener, of_those_that_go);
  }
  sockets_ = std::move(next);
  distribute();
}

SocketsById Listeners::sockets_to_pass() const {
  SocketsById all = sockets_;
  all.insert(aside_.begin(), aside_.end());
  return all;
}

void Listeners::reserve(const SocketsById& given) {
  for (const auto& [id, listener] : given) {
    if (listener->lent && !sockets_.contains(id)) aside_.emplace(id, listener);
  }
}

SocketsById Listeners::open_sockets() const {
  SocketsById all = sockets_to_pass();
  for (const auto& leaving : leaving_) {
    const ListenerSockets& listener = *leaving->listener;
    if (!listener.address.is_local() && !has_yielded(listener)) all.emplace(leaving->id, leaving->listener);
  }
  return all;
}

/// One that was gone for less time than it takes to close goes on, with its queue and its workers.
bool Listeners::reopen(const std::string& id) {
  if (const auto aside = aside_.find(id); aside != aside_.end()) {
    take_new_connections(*aside->second);
    aside_.erase(aside);
    return true;
  }
  const auto found = std::ranges::find_if(leaving_, [&](const auto& each) { return each->id == id; });
  if (found == leaving_.end()) return false;
  if ((*found)->listener->address.is_local() || has_yielded(*(*found)->listener)) {
    close(**found);  // The new one is another, and workers know them by their address.
    return false;
  }
  take_new_connections(*(*found)->listener);
  leaving_.erase(found);
  return true;
}

void Listeners::distribute() {
  if (!accepts_) return;
  for (const auto& [id, listener] : sockets_) {
    // The kernel would give clients to additional sockets at once, and those would be this process's alone.
    if (!listener->shared && !listener->stood_by) widen_for_workers(*listener);
    listen_on(*listener);
    assign(id, listener);
    keep(id, *listener);
  }
  for (const auto& leaving : leaving_) assign(leaving->id, leaving->listener);
}

void Listeners::widen_for_workers(ListenerSockets& listener) const {
  auto widened = widen(listener, workers_.accepting());
  if (widened) return;
  log_.warning("some workers have no socket of their own" + field("address", listener.address.text()) +
               field("cause", widened.error().message));
}

/// What is bound can be listened on, unless another process has come in between.
void Listeners::listen_on(ListenerSockets& listener) const {
  for (auto& socket : listener.sockets) {
    if (auto listens = socket->listen(); !listens) {
      log_.error("listener lost" + field("cause", listens.error().message));
    }
  }
}

/// Gives the sockets to the workers in turn. When a socket changes hands, both workers accept on it for a
/// moment, so that there is always one that does. A duplicate is no loss: a socket that cannot share its
/// address is given once to each worker.
void Listeners::assign(const std::string& id, const std::shared_ptr<ListenerSockets>& listener) {
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

/// A shared listener is for the other process to keep.
void Listeners::keep(const std::string& id, ListenerSockets& listener) const {
  if (manager_ == nullptr || listener.lent || listener.shared) return;
  const auto& sockets = listener.sockets;
  const size_t distinct = sockets.front()->shares_address() ? sockets.size() : 1;
  if (listener.stored >= distinct) return;
  std::vector<int> descriptors;
  for (size_t i = listener.stored; i < distinct; ++i) descriptors.push_back(sockets[i]->descriptor());
  listener.stored = distinct;
  manager_->keep(stored_name(id), descriptors);
}

void Listeners::forget() {
  if (manager_ == nullptr) return;
  for (const auto& [id, listener] : sockets_) manager_->forget(stored_name(id));
}

/// The sockets close when the last worker has accepted everything in their queues.
void Listeners::retire(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                       Addresses addresses) {
  if (listener->lent) {
    aside_.emplace(id, listener);
    return stop_listening(id, listener, Queue::leave);
  }
  if (listener->shared) return stop_listening(id, listener, Queue::leave);  // It is another process's, too.
  if (manager_ != nullptr) manager_->forget(stored_name(id));
  listener->stored = 0;
  const bool is_left = addresses == Addresses::release && !listener->address.is_local();
  if (!is_left) {
    for (auto& socket : listener->sockets) socket->refuse_new_connections();
  }
  auto leaving = std::make_unique<Leaving>();
  leaving->id = id;
  leaving->listener = listener;
  leaving->refuses = !is_left;
  leaving->half_open_over.set_callback([this, leaving = leaving.get()] {
    if (leaving->refuses || has_yielded(*leaving->listener)) return close(*leaving);
    yield(*leaving->listener);
    leaving->refuses = true;
    executor_.deadlines().arm(leaving->half_open_over, kHalfOpen);
  });
  executor_.deadlines().arm(leaving->half_open_over, is_left ? kSuccession : kHalfOpen);
  leaving_.push_back(std::move(leaving));
}

void Listeners::close(Leaving& leaving) {
  stop_listening(leaving.id, leaving.listener, Queue::accept);
  log_.info("listener drained" + field("address", leaving.listener->address.text()));
  // The address is not free: another process has copies.
  const bool is_taken = leaving.listener->stood_by && !has_yielded(*leaving.listener);
  if (is_taken && !leaving.listener->address.is_local()) {
    aside_.emplace(leaving.id, leaving.listener);
  }
  std::erase_if(leaving_, [&](const auto& other) { return other.get() == &leaving; });
}

void Listeners::stop_listening(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                               Queue queue) {
  for (const auto& socket : listener->sockets) accepted_by_.erase(socket.get());
  workers_.post_all([id, listener, queue](proxy::Service& service) { service.stop_listening(id, queue); });
}

std::set<std::string> Listeners::shared() const {
  std::set<std::string> ids;
  for (const auto& [id, listener] : sockets_) {
    if (listener->shared) ids.insert(id);
  }
  return ids;
}

void Listeners::own(Alone alone) {
  accepts_ = true;
  for (const auto& [id, listener] : aside_) listener->shared = false;
  for (const auto& [id, listener] : sockets_) {
    if (!listener->shared) continue;
    be_ours(*listener);
    listener->stood_by = alone == Alone::no;
  }
  distribute();
}

void Listeners::be_alone() {
  for (const auto& [id, listener] : sockets_) listener->stood_by = false;
  for (const auto& leaving : leaving_) leaving->listener->stood_by = false;
  std::erase_if(aside_, [](const auto& each) { return !each.second->lent; });
  distribute();
}

void Listeners::hand_over(const std::set<std::string>& ids, Clients clients) {
  for (const std::string& id : ids) {
    const auto found = sockets_.find(id);
    if (found == sockets_.end()) continue;
    leave_to_other(id, found->second, clients);
    sockets_.erase(found);
  }
}

void Listeners::leave_to_other(const std::string& id, const std::shared_ptr<ListenerSockets>& listener,
                               Clients clients) {
  for (auto& socket : listener->sockets) {
    socket->leave_file();
    accepted_by_.erase(socket.get());
  }
  if (clients == Clients::finish) return stop_listening(id, listener, Queue::leave);
  workers_.post_all([id, listener](proxy::Service& service) { service.migrate(id); });
}

/// What was lent is kept in any case: it could not be opened anew.
void Listeners::suspend(const std::set<std::string>& ids, Clients clients) {
  for (const auto& [id, listener] : sockets_) {
    const bool is_taken = ids.contains(id);
    if (!is_taken && !listener->lent) continue;
    leave_to_other(id, listener, is_taken ? clients : Clients::finish);
    suspended_[id] = listener;
  }
  std::erase_if(sockets_, [this](const auto& each) { return suspended_.contains(each.first); });
  change({}, Addresses::release);
}

std::set<std::string> Listeners::suspended() const {
  std::set<std::string> ids;
  for (const auto* sockets : {&suspended_, &borrowed_}) {
    for (const auto& [id, listener] : *sockets) ids.insert(id);
  }
  return ids;
}

/// The other process may have closed it and removed its file, or yielded it to another that overlaps it.
void Listeners::drop_unreachable() {
  std::erase_if(suspended_, [](const auto& each) {
    return has_yielded(*each.second) || !each.second->sockets.front()->is_reachable();
  });
}

void Listeners::release_suspended() {
  suspended_.clear();
  borrowed_.clear();
}

SocketsById Listeners::take_suspended() {
  drop_unreachable();
  SocketsById all = std::exchange(suspended_, {});
  all.merge(std::exchange(borrowed_, {}));
  for (const auto& [id, listener] : all) {
    be_ours(*listener);
    listener->stored = 0;  // The other process may have had the manager forget them.
  }
  all.merge(open_sockets());
  return all;
}

bool Listeners::leave_addresses() {
  std::set<std::string> lent;
  for (const auto& [id, listener] : sockets_) {
    if (listener->lent) lent.insert(id);
  }
  hand_over(lent, Clients::finish);
  aside_.clear();
  // Their files go now: the other process's would have the same names.
  for (const auto& [id, listener] : sockets_) {
    if (listener->address.is_local()) yield(*listener);
  }
  return !sockets_.empty() || !leaving_.empty();
}

void Listeners::yield_all() {
  for (const auto& [id, listener] : sockets_) yield(*listener);
}

bool Listeners::refuse_new_connections() {
  const bool is_any_left = leave_addresses();
  for (auto& [id, listener] : sockets_) {
    for (auto& socket : listener->sockets) socket->refuse_new_connections();
  }
  return is_any_left;
}

void Listeners::close_all() {
  for (const auto& [id, listener] : sockets_) stop_listening(id, listener, Queue::accept);
  sockets_.clear();
}

}  // namespace sluice::listeners
