// Opens connections.
#pragma once

#include <sluice/net/descriptor.h>
#include <sluice/net/loop.h>
#include <sluice/net/transport.h>

#include <functional>
#include <memory>

namespace sluice::net {

using OnConnected = std::function<void(Result<std::unique_ptr<Transport>>)>;

/// Connects to a TCP address (TCP_NODELAY set) or a Unix socket. Never before it has returned, runs the
/// callback with the transport or with why there is none (refused, timed_out, ...). Dropping the Wait gives
/// up. No bound in time of its own: arm a Deadline.
[[nodiscard]] Wait connect(Loop& loop, const Address& address, OnConnected on_connected);

/// Of connect() to a Unix socket: a process listens, but the kernel's queue is full. A later try may succeed.
bool is_queue_full(const Error& error);

/// A connection that was opened or accepted elsewhere, perhaps by another process: a TCP or Unix stream
/// socket, in any state.
Result<std::unique_ptr<Transport>> adopt(Loop& loop, Descriptor connection);

}  // namespace sluice::net
