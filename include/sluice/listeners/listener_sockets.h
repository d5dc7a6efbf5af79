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

namespace sluice::listeners {

/// One listener's sockets: one a worker, but for those that came from a process with other workers.
struct ListenerSockets {
  Address address;                                             ///< with the port that the kernel picked
  std::vector<std::unique_ptr<net::ListeningSocket>> sockets;  ///< each in its place, for the workers
  /// Another process accepts on them as well.
  bool shared = false;
  /// Another process has copies, and may accept on them again: as long as it has, the address is not free.
  bool stood_by = false;
  /// From a socket unit of the service manager, which keeps the queue after us.
  bool lent = false;
  size_t stored = 0;  ///< so many of the sockets the service manager stores, too
};

/// By the address as the configuration writes it, which is the listener's identity.
using SocketsById = std::map<std::string, std::shared_ptr<ListenerSockets>>;

/// Binds what `config` names and `current` does not have, without listening yet, with a socket for each of
/// the configuration's workers; the rest is `current`'s own. Nothing is left open on error. Addresses may
/// overlap those of `ours`, sockets of this process and of those that it takes over from, and one another:
/// the kernel gives a client to the more specific one.
Result<SocketsById> open_listeners(const config::Config& config, const SocketsById& current,
                                   net::SocketIds ours);

Result<void> listen_on(const SocketsById& sockets);

/// The same as open_listeners(), and listens, without those that cannot be opened: each is logged as an
/// error.
SocketsById open_available(const config::Config& config, const SocketsById& current,
                           const net::SocketIds& ours, Log& log);

void add_ids(const SocketsById& sockets, net::SocketIds& ids);

/// What the service manager has given for listeners of the configuration, by address, and what it has lent
/// for none of them. Logs what it has given in vain; the manager may have copies of it for a moment more,
/// which are among `given_up`.
SocketsById adopt_given(net::ServiceManager& manager, const config::Config& config, unsigned workers,
                        Log& log, net::SocketIds& given_up);

/// The name of a listener's sockets that the manager keeps for the next process.
std::string stored_name(const std::string& id);

/// Adds sockets until every worker can have one of its own. One that cannot share its address (a Unix socket,
/// or one that was lent) is one that all workers share. The new ones are bound, and do not listen yet.
Result<void> widen(ListenerSockets& listener, unsigned workers);

}  // namespace sluice::listeners
