// The listening sockets of the process: opened before a configuration takes effect, or received from the
// process before this one; kept while a configuration names them, closed last (promise 1).
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/net/listening_socket.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::lifecycle {

/// One listener's sockets: one a worker, but for those that came from a process with other workers.
struct ListenerSockets {
  Address address;                                             ///< with the port that the kernel picked
  std::vector<std::unique_ptr<net::ListeningSocket>> sockets;  ///< each in its place, for the workers
  bool shared = false;                                         ///< another process accepts on them as well
};

/// By the address as the configuration writes it, which is the listener's identity.
using SocketsById = std::map<std::string, std::shared_ptr<ListenerSockets>>;

/// Opens what `config` names and `current` does not have; the rest is `current`'s own. Nothing is left open
/// on error.
Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current,
                                   unsigned workers);

/// Adds sockets until every worker can have one of its own. A Unix socket is one that all workers share.
Result<void> widen(ListenerSockets& listener, unsigned workers);

}  // namespace sluice::lifecycle
