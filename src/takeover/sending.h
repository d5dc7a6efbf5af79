// What the old process of a takeover sends with descriptors: the handoff state, and clients' connections.
#pragma once

#include <sluice/base/result.h>
#include <sluice/control/handoff_state.h>
#include <sluice/net/message_channel.h>
#include <sluice/proxy/migrated_connection.h>

#include <cstddef>
#include <span>

namespace sluice::takeover {

/// In as many messages as it takes, in this version of the conversation.
Result<void> send_handoff_state(net::MessageChannel& channel, uint64_t version,
                                control::HandoffState handoff);

/// Copies, in one message: until the new process has said that it has them they stay open here, too. Returns
/// how many of the first ones were sent; 0: none can be.
size_t send_connections(net::MessageChannel& channel, std::span<const proxy::MigratedConnection> given);

}  // namespace sluice::takeover
