// What the old process of a takeover sends with descriptors: the estate, and clients' connections.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/fd_passing.h>
#include <sluice/proxy/moved_connection.h>

#include <cstddef>
#include <span>

#include "lifecycle/estate.h"

namespace sluice::lifecycle {

/// In as many messages as it takes.
Result<void> send_estate(net::MessageChannel& channel, Estate estate);

/// Copies, in one message: until the new process has said that it has them they stay open here, too. How many
/// of the first ones; 0: none can be sent.
size_t send_connections(net::MessageChannel& channel, std::span<const proxy::MovedConnection> given);

}  // namespace sluice::lifecycle
