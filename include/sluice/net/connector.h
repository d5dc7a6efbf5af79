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

/// A connection that somebody else has opened or accepted, another process perhaps: a TCP or Unix stream
/// socket, in whatever state.
Result<std::unique_ptr<Transport>> adopt(Loop& loop, Descriptor connection);

}  // namespace sluice::net
