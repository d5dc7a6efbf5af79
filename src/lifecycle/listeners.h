// The listening sockets of the process: opened before a configuration takes effect, or received from the
// process before this one; kept while a configuration names them, closed last (promise 1).
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/service_manager.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::lifecycle {

/// One listener's sockets: one a worker, but for those that came from a process with other workers.
struct ListenerSockets {
  Address address;                                             ///< with the port that the kernel picked
  std::vector<std::unique_ptr<net::ListeningSocket>> sockets;  ///< each in its place, for the workers
  /// Another process accepts on them as well.
  bool shared = false;
  /// Another process has copies, and may accept on them again: as long as it has, the address is not free.
  bool stood_by = false;
  /// A socket unit of the service manager's, which goes on with the queue after us.
  bool lent = false;
  size_t kept = 0;  ///< so many of the sockets the service manager has, too
};

/// By the address as the configuration writes it, which is the listener's identity.
using SocketsById = std::map<std::string, std::shared_ptr<ListenerSockets>>;

/// Opens what `config` names and `current` does not have, with a socket for each of the configuration's
/// workers; the rest is `current`'s own. Nothing is left open on error.
Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current);

/// The same, without those that cannot be opened: an error in the log tells of each.
SocketsById open_what_can_be(const config::Config& config, const SocketsById& current, Log& log);

/// What the service manager has given for listeners of the configuration, by address, and what it has lent
/// for none of them. Tells of what it has given in vain.
SocketsById take_given(net::ServiceManager& manager, const config::Config& config, unsigned workers,
                       Log& log);

/// Those that the manager keeps for the next process are named so, one name a listener.
std::string kept_name(const std::string& id);

/// Adds sockets until every worker can have one of its own. One that cannot share its address (a Unix socket,
/// or one that was lent) is one that all workers share.
Result<void> widen(ListenerSockets& listener, unsigned workers);

}  // namespace sluice::lifecycle
