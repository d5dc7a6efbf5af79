// One request from its head to its outcome: the exchange that answers it, or the tunnel that it has become.
#pragma once

#include <sluice/base/free_list.h>
#include <sluice/base/list.h>
#include <sluice/net/descriptor.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/in_flight_info.h>
#include <sluice/proxy/migrated_connection.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace sluice::proxy {

class Tunnel;

/// What a generation lists. Exchange and tunnel are made anew for each request; this is used again after
/// clear().
class ActiveStream final : public FreeListed<ActiveStream>,
                           private ExchangeOwner,
                           private wire::StreamHandler {
 public:
  /// The request has its outcome: leave the client's stream as said, and drop this.
  using OnOver = std::function<void(Ending)>;

  ActiveStream();
  ~ActiveStream();
  ActiveStream(const ActiveStream&) = delete;
  ActiveStream& operator=(const ActiveStream&) = delete;

  /// Before start() or resume(): the listener that accepted the client, for the access log. Borrowed until
  /// clear().
  void set_listener(const std::string& name) { flight_.listener = &name; }
  /// `client` holds a whole request. `generation` is the newest one, and outlives the request's pass.
  /// `logins` are the client connection's; null: none is kept. May run `on_over`: the caller's last line.
  void start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
             unsigned worker, OnOver on_over, LoginConnections* logins = nullptr);
  /// Instead of start(): goes on with a tunnel of another owner's. `client` is a tunnel already.
  Result<void> resume(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                      unsigned worker, const std::shared_ptr<upstream::Pool>& pool, const TunnelState& state,
                      net::Descriptor backend, OnOver on_over);

  /// One of the client connection's logins has ended.
  void login_ended();
  /// The connection is to end: a tunnel on it, or to come, is closed in order then. Also before start().
  void retire(std::optional<TimePoint> tunnel_ends);
  /// The connection stays after all.
  void stay();
  /// Its generation's time is over: see end_drain().
  void outlive_generation(LocalGeneration& newest, unsigned worker);
  bool is_tunnel() const { return tunnel_ != nullptr; }
  /// As given to start() or resume().
  wire::ServerStream& client() const { return *flight_.client; }
  /// Runs the callback once should it become a tunnel. It may drop this.
  void when_tunnel(std::function<void()> on_tunnel) { on_tunnel_ = std::move(on_tunnel); }
  /// A tunnel for its next owner. This owner has only to drop this then, which gets no disposition here.
  /// Nothing when the tunnel ends here.
  std::optional<SuspendedTunnel> suspend_tunnel();

  /// The process stops: the request gets its outcome. The owner drops this at once, and ends the client's
  /// stream.
  void stop();
  /// Instead, while the client has no byte of a response and this is no tunnel: says so to the client.
  void answer_stopped();

  /// The generation that it began with.
  uint64_t generation() const { return flight_.number; }
  InFlightInfo info() const;
  /// An attempt of this request, or its tunnel, is in flight there.
  bool is_at(const upstream::BackendState& backend) const;
  /// Empty when it has none.
  std::string_view request_id() const { return flight_.request_id; }

  void clear();

  ListHook hook;           ///< among those inside the generation
  ListHook of_connection;  ///< among those of its client's connection

 private:
  void on_client_gone(const Error& error) override;
  void on_exchange_over(Ending ending) override { over(ending); }
  void on_upgraded(TunnelBackend backend, wire::Flow to_client) override;
  void over(Ending ending);
  void make_tunnel(TunnelBackend backend);

  InFlight flight_;
  OnOver on_over_;
  std::function<void()> on_tunnel_;      // when it is to move
  std::optional<TimePoint> retires_at_;  // when it ends, if it is a tunnel by then
  std::unique_ptr<Tunnel> tunnel_;       // These two use what is above. One of them, but for a 101's moment.
  std::optional<Exchange> exchange_;
};

}  // namespace sluice::proxy
