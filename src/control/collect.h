// How what one process leaves to the next is gathered, and taken.
#pragma once

#include <sluice/control/handoff_state.h>
#include <sluice/desired/durable_state.h>
#include <sluice/listeners/listener_sockets.h>
#include <sluice/proxy/generation.h>
#include <sluice/upstream/monitor.h>

#include <memory>
#include <vector>

#include "control/backend_states.h"

namespace sluice::control {

Result<HandoffState> collect(const listeners::SocketsById& sockets, const desired::DurableState& durable,
                             const proxy::Generation& current, const upstream::Monitor& monitor,
                             uint64_t newest);

/// Of the process that has left the handoff state, and of those before it.
net::SocketIds ids_of_listeners(const HandoffState& handoff);

/// The listeners that the configuration names, shared with the process that left the handoff state, and those
/// that were lent, named or not. None without a handoff state.
Result<listeners::SocketsById> inherit_sockets(HandoffState* handoff, const config::Config& config,
                                               unsigned workers);

/// What is known of backends goes on: they need not be proven anew.
void inherit_health(const std::vector<HandedHealth>& known, const config::Config& config,
                    BackendStates::ByPool& states);

/// From the handoff state, or without one from the state file.
Result<std::unique_ptr<desired::DurableState>> open_state(config::Config config, HandoffState* handoff,
                                                          desired::StateStore* store, Log& log);

}  // namespace sluice::control
