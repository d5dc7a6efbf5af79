#include <sluice/wire/server_connection.h>

#include <utility>

#include "wire/http1_server_connection.h"

namespace sluice::wire {

BetweenRequests accepted(const net::Transport& transport, const Address& local) {
  const Address& peer = transport.peer();
  return {.client = {.address = peer, .local = local, .ip = peer.ip_text()}};
}

std::unique_ptr<ServerConnection> make_server_connection(std::unique_ptr<net::Transport> transport,
                                                         BetweenRequests from, ServerContext& context) {
  return std::make_unique<Http1ServerConnection>(std::move(transport), std::move(from), context);
}

}  // namespace sluice::wire
