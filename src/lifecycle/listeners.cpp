#include "lifecycle/listeners.h"

#include <sluice/base/text.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {
namespace {

Result<std::shared_ptr<ListenerSockets>> open(const Address& bind, unsigned workers) {
  // Sockets that share an address would share it with another process of ours, too: that is told here.
  if (auto taken = net::ListeningSocket::check_free(bind); !taken) return std::move(taken).error();
  auto listener = std::make_shared<ListenerSockets>();
  listener->address = bind;
  if (auto opened = widen(*listener, workers); !opened) return std::move(opened).error();
  return listener;
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

std::string kept_name(const std::string& id) {
  return net::descriptor_name(concat({kKept, id}));
}

SocketsById take_given(net::ServiceManager& manager, const config::Config& config, unsigned workers,
                       Log& log) {
  SocketsById taken;
  for (auto& given : manager.take_given()) {
    const bool is_kept = given.name.starts_with(kKept);
    auto socket = net::ListeningSocket::adopt(std::move(given.descriptor));
    const config::Listener* named = socket ? listener_at(socket->address(), config) : nullptr;
    if (named == nullptr) {
      const std::string what = socket ? socket->address().text() : socket.error().message;
      log.warning("a socket of the service manager's is for no listener" + field("name", given.name) +
                  field("socket", what));
      if (is_kept) manager.forget(given.name);
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
                            : net::ListeningSocket::open(listener.address, net::Sharing::reuse_port);
    if (!socket) return std::move(socket).error();
    listener.address = socket->address();  // The others join the port that the kernel picked for the first.
    listener.sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(socket)));
  }
  return {};
}

SocketsById open_what_can_be(const config::Config& config, const SocketsById& current, Log& log) {
  SocketsById opened;
  config::Config one;
  one.server = config.server;
  for (const config::Listener& listener : config.listeners) {
    one.listeners = {listener};
    if (auto its = open_listeners(one, current)) {
      opened.merge(*its);
    } else {
      log.error("listener lost" + field("cause", its.error().message));
    }
  }
  return opened;
}

Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current) {
  SocketsById next;
  for (const config::Listener& listener : config.listeners) {
    const std::string id = listener.bind.text();
    if (const auto kept = current.find(id); kept != current.end()) {
      next[id] = kept->second;
      continue;
    }
    auto opened = open(listener.bind, config.server.workers);
    if (!opened) {
      return Error{.code = ErrorCode::invalid_config,
                   .message = concat({listener.where, ": listener.bind: ", opened.error().message})};
    }
    next[id] = *std::move(opened);
  }
  return next;
}

}  // namespace sluice::lifecycle
