// One client's connection, of whatever protocol: hands each request on it to an active stream, and lives as
// long as the client stays.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/free_list.h>
#include <sluice/base/list.h>
#include <sluice/entrance/client_counts.h>
#include <sluice/proxy/active_stream.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/migrated_connection.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "proxy/listener_names.h"
#include "proxy/login_connections.h"

namespace sluice::proxy {

/// How long a connection that is to end stays open between requests: long enough for a request that was on
/// its way.
inline constexpr Duration kRetireGrace{500};

/// What the client connections of one worker share.
struct ClientContext {
  wire::ServerContext& wire;
  ExchangeContext& exchange;
  FreeList<ActiveStream>& active_streams;
  unsigned worker = 0;
  LocalGeneration* generation = nullptr;  ///< the newest one
  entrance::ClientCounts& counts;
  Duration tunnel_bound{};  ///< for a tunnel whose listener goes, less than a stopping process may take
  std::function<void()> on_connection_over;
  std::function<void(MigratedConnection)> on_moved;

  /// When a tunnel is to end whose listener goes now, and that had to end by `earlier` already.
  std::optional<TimePoint> tunnel_ends(std::optional<TimePoint> earlier) const {
    if (tunnel_bound <= Duration::zero()) return earlier;
    const TimePoint end = exchange.deadlines.clock().now() + tunnel_bound;
    return std::min(earlier.value_or(end), end);
  }
};

/// Owns itself from its making until the connection is over, or close().
class ClientConnection final : private wire::ServerHandler, private LoginConnectionsOwner {
 public:
  /// Nothing happens on it before begin(). `listener`: the name of the listener that accepted it.
  static ClientConnection& make(std::unique_ptr<wire::ServerConnection> connection, ClientContext& context,
                                ListenerName listener);
  /// A new client, which is let in or refused. May end the connection, as may the next two: the caller's last
  /// line.
  void begin();
  /// Instead: goes on with a connection of another owner's. It was let in before.
  void go_on();
  /// Instead: goes on with a tunnel. What comes on it comes in a later turn.
  Result<void> begin_tunnel(MigratedConnection moved, const std::shared_ptr<upstream::Pool>& pool);

  ClientConnection(std::unique_ptr<wire::ServerConnection> connection, ClientContext& context,
                   ListenerName listener);
  ~ClientConnection();

  /// Ends with the next response, or when nothing is asked for: soon, since its listener is gone; or within
  /// the idle time, since it has only not moved. A tunnel, now or later, gets the context's bound, which
  /// counts from the first time that its listener was said to go.
  enum class Patience { quiet, idle };
  void retire(Patience patience = Patience::quiet);
  /// A tunnel is to end by then, if the connection is to end; nothing: it has no such bound yet.
  void bound_tunnel(std::optional<TimePoint> end) { tunnel_ends_ = end; }
  /// It is to move. `listener` names the listener that accepted it, and stays valid.
  void mark_for_migration(const std::string& listener) { listener_ = &listener; }
  /// Moves, as soon as no request is being answered on it, or one has made a tunnel of it: the context's
  /// on_moved() has it then. May end the connection.
  void migrate();
  bool is_to_move() const { return listener_ != nullptr; }
  /// It does not move after all. Its listener; null when it was not to move.
  const std::string* cancel_migration();
  /// The process stops: a request that was read and has no answer gets one, since a client that hears nothing
  /// may send it again. The connection then stays until the client has read that; any other ends now.
  void end();
  /// Drops it now, whatever is on it.
  void close();

  ListHook hook;

 private:
  using Streams = List<ActiveStream, &ActiveStream::of_connection>;

  void on_request(wire::ServerStream& stream) override;
  void on_bad_request(wire::ServerStream& stream, const Error& error) override;
  void on_idle() override;
  void on_over() override;
  void on_login_ended() override;
  ActiveStream& add_stream();
  void drop(ActiveStream& stream);
  ActiveStream* tunnel() const;
  void leave(ActiveStream& stream, Ending ending);
  void end(ActiveStream& stream);
  void move_tunnel(ActiveStream& stream);
  void bound_tunnel();
  void count();
  bool is_limited(const Address& client) const;
  Result<void> let_in();
  void log_refusal(const wire::ServerStream& stream, observe::Cause cause, size_t sent);
  const config::Config& config() const { return context_.generation->shared->config(); }

  ClientContext& context_;
  const ListenerName came_by_;  // its listener's name
  std::unique_ptr<wire::ServerConnection> connection_;
  LoginConnections logins_{*this};
  Streams streams_;                         // owned: from the worker's free list, and back to it
  const std::string* listener_ = nullptr;   // that accepted it, when it is to move
  std::optional<TimePoint> tunnel_ends_{};  // if it is to end and does not move
  bool counted_ = false;                    // among its client's
  Alive alive_;
};

using ClientConnections = List<ClientConnection, &ClientConnection::hook>;

}  // namespace sluice::proxy
