// Accepts connections from a listening socket on one loop.
#pragma once

#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>
#include <sluice/net/transport.h>

#include <functional>
#include <memory>

namespace sluice::net {

/// One loop's. Borrows the socket, which stays open and listening when the acceptor goes.
class Acceptor {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Transport>)>;

  /// Near the process's limit of descriptors the last ones are left for other things than clients.
  enum class Reserve { keep, use };

  /// Starts at once. `on_connection` may pause or destroy the acceptor.
  Acceptor(Loop& loop, const ListeningSocket& socket, OnConnection on_connection,
           Reserve reserve = Reserve::use);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Leaves connections in the kernel's queue until resume(). At the descriptor limit it pauses by itself and
  /// tries again after a short while.
  void pause();
  void resume();

  /// Accepts what the queue still holds, right now, and returns how many there were.
  size_t accept_queue();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
