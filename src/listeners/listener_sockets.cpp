#include <sluice/base/text.h>
#include <sluice/listeners/listener_sockets.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::listeners {
namespace {

Result<std::shared_ptr<ListenerSockets>> open(const Address& bind, unsigned workers) {
  auto listener = std::make_shared<ListenerSockets>();
  listener->address = bind;
  if (auto opened = widen(*listener, workers); !opened) return std::move(opened).error();
  return listener;
}

/// So that a listener whose address overlaps its own gets its clients.
void give_up(net::ListeningSocket& socket, net::SocketIds& given_up) {
  socket.yield_address();
  if (const auto id = socket.id()) given_up.insert(*id);
}

constexpr std::string_view kKept = "sluice-";

/// A Unix socket has to be still where it was.
bool is_reachable(const Address& address) {
  return !address.is_local() || ::access(address.path().c_str(), F_OK) == 0;
}

/// The listener that has this address.
const config::Listener* listener_at(const Address& address, const config::Config& config) {
  if (!is_reachable(address)) return nullptr;
  const auto found = std::ranges::find(config.listeners, address, &config::Listener::bind);
  return found == config.listeners.end() ? nullptr : &*found;
}

}  // namespace

std::string stored_name(const std::string& id) {
  return net::descriptor_name(concat({kKept, id}));
}

SocketsById adopt_given(net::ServiceManager& manager, const config::Config& config, unsigned workers,
                        Log& log, net::SocketIds& given_up) {
  SocketsById taken;
  for (auto& given : manager.take_given()) {
    const bool is_kept = given.name.starts_with(kKept);
    auto socket = net::ListeningSocket::adopt(std::move(given.descriptor));
    const config::Listener* named = socket ? listener_at(socket->address(), config) : nullptr;
    if (named == nullptr) {
      const std::string what = socket ? socket->address().text() : socket.error().message;
      log.warning("a socket of the service manager's is for no listener" + field("name", given.name) +
                  field("socket", what));
      if (is_kept) {
        if (socket) give_up(*socket, given_up);
        manager.forget(given.name);
      }
      if (is_kept || !socket || !is_reachable(socket->address())) continue;
    }
    auto& listener = taken[named == nullptr ? socket->address().text() : named->bind.text()];
    if (!listener) listener = std::make_shared<ListenerSockets>();
    listener->address = socket->address();
    listener->lent = !is_kept;
    if (is_kept) socket->take_file();
    listener->sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(socket)));
  }
  for (const auto& [id, listener] : taken) {
    if (auto widened = widen(*listener, workers); !widened) {
      log.warning("some workers have no socket of their own" + field("address", id) +
                  field("cause", widened.error().message));
    }
  }
  return taken;
}

Result<void> widen(ListenerSockets& listener, unsigned workers) {
  while (listener.sockets.size() < workers) {
    const bool share_one = !listener.sockets.empty() && !listener.sockets.front()->shares_address();
    auto socket = share_one ? listener.sockets.front()->duplicate()
                            : net::ListeningSocket::bind(listener.address, net::Sharing::reuse_port);
    if (!socket) return std::move(socket).error();
    listener.address = socket->address();  // The others join the port that the kernel picked for the first.
    listener.sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(socket)));
  }
  return {};
}

void add_ids(const SocketsById& sockets, net::SocketIds& ids) {
  for (const auto& [id, listener] : sockets) {
    for (const auto& socket : listener->sockets) {
      if (const auto number = socket->id()) ids.insert(*number);
    }
  }
}

Result<void> listen_on(const SocketsById& sockets) {
  for (const auto& [id, listener] : sockets) {
    for (const auto& socket : listener->sockets) {
      if (auto listens = socket->listen(); !listens) return listens;
    }
  }
  return {};
}

SocketsById open_available(const config::Config& config, const SocketsById& current,
                           const net::SocketIds& ours, Log& log) {
  SocketsById opened;
  config::Config one;
  one.server = config.server;
  for (const config::Listener& listener : config.listeners) {
    one.listeners = {listener};
    net::SocketIds all = ours;
    add_ids(opened, all);
    auto its = open_listeners(one, current, std::move(all));
    auto listens = its ? listen_on(*its) : Result<void>(its.error());
    if (listens) {
      opened.merge(*its);
    } else {
      log.error("listener lost" + field("cause", listens.error().message));
    }
  }
  return opened;
}

Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current,
                                   net::SocketIds ours) {
  add_ids(current, ours);
  const auto failed = [](const config::Listener& listener, const Error& why) {
    return Error{.code = ErrorCode::invalid_config,
                 .message = concat({listener.where, ": listener.bind: ", why.message})};
  };
  // Sockets that share an address would share it with a process that is not ours, too: that is found out
  // here, before the new ones are in each other's way.
  for (const config::Listener& listener : config.listeners) {
    if (current.contains(listener.bind.text())) continue;
    auto is_free = net::ListeningSocket::check_free(listener.bind, ours);
    if (!is_free) return failed(listener, is_free.error());
  }
  SocketsById next;
  for (const config::Listener& listener : config.listeners) {
    const std::string id = listener.bind.text();
    if (const auto stored = current.find(id); stored != current.end()) {
      next[id] = stored->second;
      continue;
    }
    auto opened = open(listener.bind, config.server.workers);
    if (!opened) return failed(listener, opened.error());
    next[id] = *std::move(opened);
  }
  return next;
}

}  // namespace sluice::listeners
