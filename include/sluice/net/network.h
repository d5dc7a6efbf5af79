// What one thread's event loop offers of the network: the seam at which tests put connections that are no
// sockets.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/executor.h>
#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/transport.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace sluice::net {

/// Accepts connections from a listening socket. Borrows it: the socket stays open and listening when the
/// acceptor goes.
class Acceptor {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Transport>)>;

  /// Near the process's limit of descriptors the last ones are left for other things than clients.
  enum class Reserve { keep, use };

  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  virtual ~Acceptor() = default;

  /// Leaves connections in the kernel's queue until resume(). At the descriptor limit it pauses by itself and
  /// tries again after a short while.
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// Accepts what the queue still holds, right now, and returns how many there were.
  virtual size_t accept_queue() = 0;

 protected:
  Acceptor() = default;
};

using OnConnected = std::function<void(Result<std::unique_ptr<Transport>>)>;

/// One thread's. Outlives the transports and acceptors that it gives, and all of them are of this thread.
class Network {
 public:
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// In whose turns its callbacks run.
  Executor& executor() { return executor_; }

  /// Accepts from now on, on a socket that outlives the acceptor. `on_connection` may pause or destroy the
  /// acceptor.
  [[nodiscard]] virtual std::unique_ptr<Acceptor> accept(
      const ListeningSocket& socket, Acceptor::OnConnection on_connection,
      Acceptor::Reserve reserve = Acceptor::Reserve::use) = 0;

  /// Connects to a TCP address (TCP_NODELAY set) or a Unix socket. Never before it has returned, runs the
  /// callback with the transport or with why there is none (refused, timed_out, ...). Dropping the Wait gives
  /// up. No bound in time of its own: arm a Deadline.
  [[nodiscard]] virtual Wait connect(const Address& address, OnConnected on_connected) = 0;

  /// A connection that was opened or accepted elsewhere, perhaps by another process: a TCP or Unix stream
  /// socket, in any state.
  virtual Result<std::unique_ptr<Transport>> adopt(Descriptor connection) = 0;

  /// The only read buffer of its transports (64 KiB): valid until the next of them reads.
  virtual std::span<char> scratch() = 0;

 protected:
  explicit Network(Executor& executor) : executor_(executor) {}
  ~Network() = default;

 private:
  Executor& executor_;
};

/// Of Network::connect() to a Unix socket: a process listens, but the kernel's queue is full. A later try may
/// succeed.
bool is_queue_full(const Error& error);

}  // namespace sluice::net
