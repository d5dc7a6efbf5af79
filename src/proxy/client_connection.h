// One client's connection: hands each request on it to an exchange, and lives as long as the client stays.
#pragma once

#include <sluice/base/free_list.h>
#include <sluice/base/list.h>
#include <sluice/net/transport.h>
#include <sluice/proxy/client_counts.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/wire/http1_server.h>

#include <functional>
#include <memory>

namespace sluice::proxy {

/// What the client connections of one worker share.
struct ClientContext {
  wire::ServerContext& wire;
  ExchangeContext& exchange;
  FreeList<Exchange>& exchanges;
  unsigned worker = 0;
  LocalGeneration* generation = nullptr;  ///< the newest one
  ClientCounts& counts;
  std::function<void()> on_connection_over;
};

/// Owns itself from start() until the connection is over, or close().
class ClientConnection final : private wire::ServerHandler {
 public:
  static ClientConnection& start(std::unique_ptr<net::Transport> transport,
                                 const wire::ServerOptions& options, ClientContext& context);

  ClientConnection(std::unique_ptr<net::Transport> transport, const wire::ServerOptions& options,
                   ClientContext& context);
  ~ClientConnection();

  /// Ends with the next response, or when nothing is asked for within `quiet`. A tunnel gets `tunnel_bound`.
  void retire(Duration quiet, Duration tunnel_bound);
  /// Drops it now, whatever is on it.
  void close();

  ListHook hook;

 private:
  void on_request() override;
  void on_bad_request(const Error& error) override;
  void on_client_gone(const Error& error) override;
  void on_connection_over() override;
  void leave(Ending ending);
  bool is_one_too_many();
  void log_refusal(const Error& error, observe::Disposition disposition);
  const config::Config& config() const { return context_.generation->shared->config(); }

  ClientContext& context_;
  wire::Http1ServerConnection stream_;
  FreeList<Exchange>::Item exchange_;
  bool counted_ = false;  // among its client's
  std::unique_ptr<ClientConnection> self_;
};

using ClientConnections = List<ClientConnection, &ClientConnection::hook>;

}  // namespace sluice::proxy
