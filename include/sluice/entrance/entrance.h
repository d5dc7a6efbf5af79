// One listener on one worker: from an accepted socket to a connection that speaks the client's protocol.
#pragma once

#include <sluice/entrance/arrival.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/network.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>

namespace sluice::entrance {

/// What a listener wants of its connections.
struct ListenerOptions {
  Address local{};              ///< where it listens
  bool proxy_protocol = false;  ///< each connection begins with a PROXY protocol header
};

class EntranceOwner {
 public:
  /// A client has connected, and counts from now on.
  virtual void on_accepted() = 0;
  /// It may be served, or refused: within this call, which may destroy the entrance.
  virtual void on_open(std::unique_ptr<wire::ServerConnection> connection) = 0;
  /// It has ended before that. May destroy the entrance.
  virtual void on_lost() = 0;

 protected:
  ~EntranceOwner() = default;
};

/// Where nothing comes before the protocol, a client's connection is open as soon as it is accepted. Any
/// other is an Arrival first.
class Entrance final : private ArrivalOwner {
 public:
  /// All references outlive it.
  Entrance(wire::ServerContext& context, const wire::MakeServerConnection& make_connection,
           EntranceOwner& owner);
  /// Drops what still arrives; the owner does not hear of it.
  ~Entrance();
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  /// For those that connect from now on.
  void configure(const ListenerOptions& options) { options_ = options; }
  const ListenerOptions& options() const { return options_; }

  /// Accepts on `socket`, which stays its owner's, until leave() or stop().
  void accept_on(net::Network& network, const net::ListeningSocket& socket);
  void leave(const net::ListeningSocket& socket) { acceptors_.erase(&socket); }
  void stop() { acceptors_.clear(); }
  void pause();
  void resume();
  /// Accepts what the kernel has completed, right now.
  void accept_queue();

  /// A client that has connected. May call the owner: the caller's last line.
  void admit(std::unique_ptr<net::Transport> transport);
  /// A client that had not arrived where it was before. It was counted there as accepted. As admit().
  void go_on(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from);

  /// They count as connections.
  bool is_awaiting() const { return !arrivals_.empty(); }
  /// One of them for its next owner, and gone from here; nothing when it cannot be left.
  std::optional<wire::SuspendedConnection> suspend_arrival();
  /// Has those of another entrance from now on.
  void take_arrivals(Entrance& other);
  /// Drops them, and returns how many there were; the owner does not hear of it.
  size_t close_arrivals();

 private:
  void on_arrived(std::unique_ptr<net::Transport> transport, wire::BetweenRequests at) override;
  void on_lost() override { owner_.on_lost(); }

  wire::ServerContext& context_;
  const wire::MakeServerConnection& make_connection_;
  EntranceOwner& owner_;
  ListenerOptions options_;
  std::map<const net::ListeningSocket*, std::unique_ptr<net::Acceptor>> acceptors_;
  List<Arrival, &Arrival::list_hook> arrivals_;  // which own themselves
};

}  // namespace sluice::entrance
