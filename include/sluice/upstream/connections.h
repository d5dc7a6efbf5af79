// One worker's connections to one backend. Callers get streams: which connections there are, which of them
// can be trusted, and for which client they speak is known here alone.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/list.h>
#include <sluice/base/wait.h>
#include <sluice/config/config.h>
#include <sluice/net/network.h>
#include <sluice/upstream/backend_state.h>
#include <sluice/upstream/idle_lifetime.h>
#include <sluice/wire/client_connection.h>
#include <sluice/wire/stream.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::upstream {

struct CloseStream {
  void operator()(wire::ClientStream* stream) const {
    stream->connection().owner().on_stream_dropped(*stream);
  }
};
/// One exchange with a backend. Dropping it resets it; one whose response has been read whole is given back
/// (Connections::give_back()), for the next exchange on its connection. Its backend outlives it.
using StreamPtr = std::unique_ptr<wire::ClientStream, CloseStream>;

/// What one worker makes its connections to backends with: the seam at which tests and a simulation put
/// theirs. Outlives the connections.
struct Connector {
  Deadlines& deadlines;
  /// As net::Network::connect().
  std::function<Wait(const Address& address, net::OnConnected on_connected)> connect;
  /// As net::Network::adopt().
  std::function<Result<std::unique_ptr<net::Transport>>(net::Descriptor connection)> adopt;
  /// What is spoken on them.
  wire::ClientCodec codec;
};

/// Over sockets, or what the network has instead. It outlives the connections.
Connector network_connector(net::Network& network, wire::ClientCodec codec);

/// Which streams will do for a request.
struct StreamRequest {
  /// Whether it may be sent again: then also on a connection that the backend may be about to close.
  bool may_be_repeated = false;
  /// How long a connection may have been idle in any case, for a request that may be sent only once.
  Duration unproven{};
  /// Whether a header names the client before all else. Such a connection speaks for that client alone.
  config::ProxyProtocol proxy_protocol = config::ProxyProtocol::none;
  /// Only looked at for such a header, during the call.
  const wire::Client* client = nullptr;
};

/// A place for a connection that speaks for one client alone, since a login on it holds for all that is asked
/// there (NTLM, Negotiate): there it rests between the client's requests. Its backend outlives the place.
class BoundConnection {
 public:
  /// `on_end` runs when the backend has closed the connection that rests here, or its time is over.
  explicit BoundConnection(std::function<void()> on_end) : on_end_(std::move(on_end)) {}
  BoundConnection(const BoundConnection&) = delete;
  BoundConnection& operator=(const BoundConnection&) = delete;

  bool is_resting() const { return connection_ != nullptr; }
  /// Closes what rests here.
  void close() { take(); }

 private:
  friend class Connections;
  std::unique_ptr<wire::ClientConnection> take() {
    hook_.unlink();
    deadline_.disarm();
    return std::move(connection_);
  }

  ListHook hook_;
  std::unique_ptr<wire::ClientConnection> connection_;
  TimePoint since_{};
  Duration most_{};  // that it may rest
  Deadline deadline_;
  std::function<void()> on_end_;
};

/// A member of its Backend.
class Connections final : private wire::ClientConnectionOwner {
 public:
  /// Both outlive it.
  Connections(const BackendState& backend, const Connector& connector);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// How long a connection may be idle, from now on. Zero: none is used again.
  void configure(Duration idle);
  /// So many requests are under way: as many connections may be of use at a time.
  void expect(size_t requests) { most_at_once_ = std::max(most_at_once_, requests); }

  /// A stream at once, on an open connection, or null. It does not allocate.
  StreamPtr try_stream(const StreamRequest& request);
  /// On the client's own connection, when one rests there that will do.
  StreamPtr try_bound(BoundConnection& place, bool may_be_repeated);
  using OnStream = std::function<void(Result<StreamPtr>)>;
  /// A stream on a connection that is opened for it. No bound in time of its own.
  [[nodiscard]] Wait open_stream(const StreamRequest& request, OnStream on_stream);
  /// That of a tunnel which another owner has left. `read` has come on it and is not passed on.
  Result<StreamPtr> resume_tunnel(net::Descriptor connection, std::string read);

  /// A response has come: what its head says about the connection is learned.
  void heed(const http::ResponseHead& head);
  /// The response has been read whole: the connection serves the next request, of any client.
  void give_back(StreamPtr stream);
  /// ... or rests for this client alone, until it is taken, the backend closes it, or `most` is over. False
  /// when it cannot: then the place is as before.
  bool keep(StreamPtr stream, BoundConnection& place, Duration most);
  /// One that was used again was closed before it answered.
  void closed_when_reused() { lifetime_.closed_after_one({}); }
  /// A client has logged in on its connection.
  static bool is_bound(wire::ClientStream& stream) {
    return stream.connection().serves() == wire::ClientConnection::Serves::login;
  }

  /// Closes those that no request uses, but for those that are kept for one client.
  void close_idle() { idle_.clear(); }
  size_t idle() const { return idle_.size(); }
  const IdleLifetime& lifetime() const { return lifetime_; }

 private:
  struct Idle {
    std::unique_ptr<wire::ClientConnection> connection;
    TimePoint since;
  };

  void on_stream_dropped(wire::ClientStream& stream) override;
  void on_connection_gone(wire::ClientConnection& connection) override;
  TimePoint now() const { return connector_.deadlines.clock().now(); }
  void look_at_oldest(Duration idle, TimePoint time);
  std::unique_ptr<wire::ClientConnection> take_last();
  StreamPtr stream_on(std::unique_ptr<wire::ClientConnection> connection);
  StreamPtr stream_beside_others();
  Result<StreamPtr> first_stream(Result<std::unique_ptr<net::Transport>> transport, std::string_view preface);
  std::unique_ptr<wire::ClientConnection> make(std::unique_ptr<net::Transport> transport);
  std::unique_ptr<wire::ClientConnection> reclaim(wire::ClientConnection& connection);
  void stream_over(wire::ClientConnection& connection, bool is_usable);
  void rest(std::unique_ptr<wire::ClientConnection> connection);
  void retire();
  void arm_idle();
  void bound_ended(BoundConnection& place);
  void learn(const wire::ClientConnection& gone, Duration idle, Duration most);

  const BackendState& state_;
  const Connector& connector_;
  std::vector<Idle> idle_;                                     // the longest idle first
  std::vector<std::unique_ptr<wire::ClientConnection>> busy_;  // with streams, and room for more
  IdleLifetime lifetime_;
  Duration idle_timeout_{};
  size_t most_at_once_ = 0;  // requests in flight
  Deadline idle_deadline_{[this] { retire(); }};
  List<BoundConnection, &BoundConnection::hook_> bound_;
};

}  // namespace sluice::upstream
