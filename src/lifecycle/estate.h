// What one process leaves to the next, with the descriptors themselves; how it is gathered, and taken.
#pragma once

#include <sluice/net/descriptor.h>
#include <sluice/upstream/monitor.h>

#include <memory>
#include <vector>

#include "lifecycle/backend_states.h"
#include "lifecycle/durable_state.h"
#include "lifecycle/listeners.h"
#include "lifecycle/takeover_messages.h"

namespace sluice::lifecycle {

struct Estate {
  struct Socket {
    PassedSocket what;
    net::Descriptor descriptor;
  };
  std::vector<Socket> sockets;
  StateMessage state;
  uint64_t newest_event = 0;  ///< of a process that has left no more of them than its number

  /// The first of this kind, taken out; not open when there is none.
  Socket take(PassedSocket::Kind kind);
};

Result<Estate> make_estate(const SocketsById& sockets, const DurableState& durable,
                           const proxy::Generation& current, const upstream::Monitor& monitor,
                           uint64_t newest);

/// The listeners that the configuration names, shared with who left the estate, and those that were lent,
/// named or not. None without an estate.
Result<SocketsById> inherit_sockets(Estate* estate, const config::Config& config, unsigned workers);

/// What is known of backends goes on: they need not be proven anew.
void inherit_health(const std::vector<PassedHealth>& known, const config::Config& config,
                    BackendStates::ByPool& states);

/// From the estate, or without one from the state file.
Result<std::unique_ptr<DurableState>> open_state(config::Config config, Estate* estate, Log& log);

}  // namespace sluice::lifecycle
