#include "lifecycle/listeners.h"

#include <sluice/base/text.h>

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

}  // namespace

Result<void> widen(ListenerSockets& listener, unsigned workers) {
  while (listener.sockets.size() < workers) {
    const bool share_one =
        listener.address.is_local() && !listener.sockets.empty();  // They know no SO_REUSEPORT.
    auto socket = share_one ? listener.sockets.front()->duplicate()
                            : net::ListeningSocket::open(listener.address, net::Sharing::reuse_port);
    if (!socket) return std::move(socket).error();
    listener.address = socket->address();  // The others join the port that the kernel picked for the first.
    listener.sockets.push_back(std::make_unique<net::ListeningSocket>(*std::move(socket)));
  }
  return {};
}

Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current,
                                   unsigned workers) {
  SocketsById next;
  for (const config::Listener& listener : config.listeners) {
    const std::string id = listener.bind.text();
    if (const auto kept = current.find(id); kept != current.end()) {
      next[id] = kept->second;
      continue;
    }
    auto opened = open(listener.bind, workers);
    if (!opened) {
      return Error{.code = ErrorCode::invalid_config,
                   .message = concat({listener.where, ": listener.bind: ", opened.error().message})};
    }
    next[id] = *std::move(opened);
  }
  return next;
}

}  // namespace sluice::lifecycle
