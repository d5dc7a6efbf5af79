// One client's connection: hands each request on it to an exchange, and lives as long as the client stays.
#pragma once

#include <sluice/base/free_list.h>
#include <sluice/base/list.h>
#include <sluice/net/transport.h>
#include <sluice/proxy/client_counts.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/moved_connection.h>
#include <sluice/wire/http1_server.h>

#include <functional>
#include <memory>

namespace sluice::proxy {

/// How long a connection that is to end stays open between requests: long enough for a request that was on
/// its way.
inline constexpr Duration kQuiet{500};

/// What the client connections of one worker share.
struct ClientContext {
  wire::ServerContext& wire;
  ExchangeContext& exchange;
  FreeList<Exchange>& exchanges;
  unsigned worker = 0;
  LocalGeneration* generation = nullptr;  ///< the newest one
  ClientCounts& counts;
  Duration tunnel_bound{};  ///< for a tunnel whose listener goes, less than a stopping process may take
  std::function<void()> on_connection_over;
  std::function<void(MovedConnection)> on_moved;
};

/// Owns itself from start() until the connection is over, or close().
class ClientConnection final : private wire::ServerHandler {
 public:
  static ClientConnection& start(std::unique_ptr<net::Transport> transport,
                                 const wire::ServerOptions& options, ClientContext& context);

  /// Goes on with a connection of another owner's; nothing happens on it before begin().
  static ClientConnection& adopt(std::unique_ptr<net::Transport> transport, ClientContext& context);
  /// May end it: the caller's last line.
  void begin(wire::BetweenRequests from);
  /// Instead: goes on with a tunnel. What comes on it comes in a later turn.
  Result<void> begin_tunnel(MovedConnection moved, const std::shared_ptr<upstream::Pool>& pool);

  ClientConnection(std::unique_ptr<net::Transport> transport, const wire::ServerOptions& options,
                   ClientContext& context);
  ~ClientConnection();

  /// Ends with the next response, or when nothing is asked for within kQuiet. A tunnel gets the context's
  /// bound.
  void retire();
  /// It came by this listener, whose name stays, and is to move.
  void will_move(const std::string& listener) { listener_ = &listener; }
  /// Moves, as soon as no request is being answered on it, or one has made a tunnel of it: the context's
  /// on_moved() has it then. May end the connection.
  void move();
  /// It does not move after all. Its listener; null when it was not to move.
  const std::string* stay();
  /// Drops it now, whatever is on it.
  void close();

  ListHook hook;

 private:
  void on_request() override;
  void on_bad_request(const Error& error) override;
  void on_client_gone(const Error& error) override;
  void on_between_requests() override;
  void on_connection_over() override;
  void leave(Ending ending);
  void move_tunnel();
  void count(const wire::BetweenRequests& from);
  bool is_limited(const Address& client) const;
  bool is_one_too_many();
  void log_refusal(observe::Cause cause);
  const config::Config& config() const { return context_.generation->shared->config(); }

  ClientContext& context_;
  wire::Http1ServerConnection stream_;
  FreeList<Exchange>::Item exchange_;
  const std::string* listener_ = nullptr;  // by which it came, when it is to move
  bool counted_ = false;                   // among its client's
  std::unique_ptr<ClientConnection> self_;
};

using ClientConnections = List<ClientConnection, &ClientConnection::hook>;

}  // namespace sluice::proxy
