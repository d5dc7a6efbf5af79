// The listening sockets of the process: opened before a configuration takes effect, kept while one names
// them, closed last (promise 1).
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/net/listening_socket.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::lifecycle {

/// One listener's sockets, one a worker.
struct ListenerSockets {
  Address address;  ///< with the port that the kernel picked
  std::vector<net::ListeningSocket> sockets;
};

/// By the address as the configuration writes it, which is the listener's identity.
using SocketsById = std::map<std::string, std::shared_ptr<ListenerSockets>>;

/// Opens what `config` names and `current` does not have; the rest is `current`'s own. Nothing is left open
/// on error.
Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current,
                                   unsigned workers);

}  // namespace sluice::lifecycle
