// One request and its response, with all its attempts. Read exchange.cpp from top to bottom to know how a
// request travels.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/free_list.h>
#include <sluice/base/list.h>
#include <sluice/http/forwarding.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/cause.h>
#include <sluice/observe/worker_counters.h>
#include <sluice/proxy/generation.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/in_flight_info.h>
#include <sluice/proxy/migrated_connection.h>
#include <sluice/proxy/recent_requests.h>
#include <sluice/proxy/request_ids.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::proxy {

class BufferedResponse;
class LoginConnections;
struct Hedge;
struct LocalReply;
struct PartialPost;
struct LocalGeneration;

/// What the exchanges of one worker share.
struct ExchangeContext {
  Deadlines& deadlines;
  upstream::Dialer& dialer;
  observe::WorkerCounters& counters;
  observe::AccessLog& access;
  RequestIds ids{};
  SplitSequence turns{};
  RecentRequests recent{};
  std::string normal_path{};  ///< of the request that is being routed
};

/// How the client's stream is to be left when an exchange is over.
enum class Ending { finish, abort };

/// Each step ends by calling the next, or by setting `wait_`: the only thing the exchange waits for. Bodies
/// move in pumps beside it. Dropping the exchange drops its waits: no callback can reach it. Used again after
/// clear().
class Exchange {
 public:
  /// The exchange is over, and its resources are given back: leave the stream as said, and drop the exchange.
  using OnOver = std::function<void(Ending)>;

  Exchange();
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Before start() or go_on(): the listener that accepted the client, for the access log. Borrowed until
  /// clear().
  void set_listener(const std::string& name) { flight_.listener = &name; }
  /// `client` holds a whole request. `generation` is the newest one, and outlives the exchange's pass.
  /// `logins` are the client connection's; null: none is kept.
  void start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
             unsigned worker, OnOver on_over, LoginConnections* logins = nullptr);
  /// The client broke off (or was too slow: the error says), and gets no answer any more.
  void client_gone(const Error& error);
  /// One of `logins` has ended: a request that waits for its backend may go to any.
  void login_ended();
  /// The connection is to end: a tunnel on it, or to come, is closed politely then. Also before start().
  void retire(std::optional<TimePoint> tunnel_ends);
  /// It is not to end after all.
  void stay();
  /// Its generation's time is over: see end_drain().
  void outlive_generation(LocalGeneration& newest, unsigned worker);
  bool is_tunnel() const { return is_tunnel_; }
  /// Runs the callback once should the exchange become a tunnel. It may drop the exchange.
  void tell_tunnel(std::function<void()> on_tunnel) { on_tunnel_ = std::move(on_tunnel); }
  /// A tunnel for its next owner. This owner has only to drop the exchange then, which gets no disposition
  /// here. Nothing when the tunnel ends here.
  struct LeftTunnel {
    TunnelState record;
    net::Descriptor client;
    net::Descriptor backend;
  };
  std::optional<LeftTunnel> leave_tunnel();
  /// Instead of start(): goes on with a tunnel of another owner's. `client` is a tunnel already.
  Result<void> go_on(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                     unsigned worker, const std::shared_ptr<upstream::Pool>& pool, const TunnelState& record,
                     net::Descriptor backend, OnOver on_over);

  /// The process stops: drops everything. The owner ends the stream.
  void stop();
  /// Instead, while the client has no byte of a response and this is no tunnel: says so to the client.
  void answer_stopped() { reply(observe::Cause::stopped); }

  /// The generation that it began with.
  uint64_t generation() const { return flight_.number; }
  InFlightInfo info() const;
  /// An attempt of this exchange is in flight there.
  bool is_at(const upstream::BackendState& backend) const;
  /// Empty when it has none.
  std::string_view request_id() const { return flight_.request_id; }

  void clear();

  ListHook hook;  ///< among those inside the generation

 private:
  // The request, in the order of its steps.
  void redirect();
  void pick_backend();
  void wait_for_backend();
  void on_lease(Result<upstream::Lease> lease);
  upstream::PickRequest ask() const;
  void look_for_client();
  void connect();
  void on_connected(Result<std::unique_ptr<wire::ClientStream>> connection);
  void connect_failed(const Error& error);
  void send_request();
  http::RequestForwarding forwarding(const Address& backend);
  void send_preface(wire::ClientStream& backend);
  void rewrite_target(const RequestPath& path);
  std::string client_trailers() const;
  void send_body(wire::Flow flow);
  void send_rest(wire::Flow flow);
  void expect_continue();
  void stop_expecting();
  void remember(std::string_view piece);
  uint64_t most_remembered() const;
  void on_upload_done(Result<void> how);

  // A connection that speaks for its client alone.
  const WeightedTarget* target_of_login(const WeightedTargets& ways) const;
  void take_connection();
  bool is_clients_alone() const;
  void keep_for_client();

  // A second attempt beside the first.
  void arm_hedge();
  void start_hedge();
  void send_hedge();
  void hedge_failed(const Error& error);
  void end_attempt_beside(const Address& backend, TimePoint dialed, TimePoint sent, observe::Cause cause);
  void take_hedge();
  bool goes_on_hedged();
  void arm_hedge_deadline();
  void end_hedge();
  void stop_hedge();

  // A request that its backend gives back.
  bool is_given_back(const http::ResponseHead& head) const;
  void take_back(const http::ResponseHead& head);
  void send_given_back(wire::Flow flow);
  void on_given_back(Result<void> how);

  // The response.
  void on_head(Result<const http::ResponseHead*> head);
  void send_response(const http::ResponseHead& head);
  void heed_drain_header(const http::ResponseHead& head);
  void measure(int status);
  const http::FieldEdits* response_edits();
  std::string proxy_status() const;
  void on_response_end(Result<void> how);
  void flush();

  // A tunnel.
  void start_tunnel(const http::ResponseHead& head);
  void be_tunnel();
  void start_pumps(wire::Flow flow);
  void on_tunnel_end(Result<void> how, wire::BodySink& sink, bool& ended);
  void close_tunnel(observe::Cause cause);
  void arm_tunnel_deadline();
  void arm_retire_bound();
  std::optional<Duration> time_left() const;
  void on_drain_signal(upstream::DrainSubscription::Says word);

  // When its generation ends first.
  std::string_view phase() const;

  // What goes wrong, and the end.
  void attempt_failed(const Error& error);
  void on_deadline();
  void on_side_deadline();
  bool waits_for_client() const;
  void arm_response_deadline();
  bool is_attempt_bounded() const;
  bool may_cut_attempts() const;
  wire::BodySink& response_sink();
  wire::Flow begin_response(wire::Follows follows);
  bool hold_response(const http::ResponseHead& head);
  void forget_backend();
  void release_backend();
  void drop_attempt();
  void reply(observe::Cause cause, std::string_view explanation = {}, int received_status = 0);
  void answer(const LocalReply& reply);
  void over(observe::Cause cause, Ending ending);
  void end(observe::Cause cause);
  std::string_view version() const;
  observe::Tally& tally() const;

  const config::Config& config() const;

  /// A reason for a tunnel to end, and when it will. Withdrawing one leaves the other.
  struct TunnelBound {
    explicit TunnelBound(std::function<void()> on_end) : deadline(std::move(on_end)) {}
    /// Zero: no bound.
    void arm(Deadlines& deadlines, Duration after) {
      at = deadlines.clock().now() + after;
      deadlines.arm(deadline, after);
    }
    Deadline deadline;
    TimePoint at{};
  };

  LoginConnections* logins_ = nullptr;
  InFlight flight_;
  OnOver on_over_;
  std::function<void()> on_tunnel_;               // when it is to move
  const http::ResponseHead* response_ = nullptr;  // the backend's stream's, from its final head on
  std::optional<upstream::Lease> lease_;
  std::unique_ptr<wire::ClientStream> upstream_;
  std::vector<const upstream::Backend*> tried_;
  upstream::QueueEntry queue_entry_;
  std::optional<uint64_t> key_;                  // what the balance goes by
  std::unique_ptr<http::FieldEdits> own_edits_;  // of the response, beyond the route's
  std::unique_ptr<BufferedResponse> held_;       // what of it is kept back, when the pool wants that
  std::unique_ptr<Hedge> hedge_;
  std::unique_ptr<PartialPost> partial_;
  wire::Pump upload_;
  wire::Pump download_;
  std::string target_;        // to ask for, when it is not the client's
  std::string host_;          // to name, when it is not the client's
  std::string_view upgrade_;  // the protocol that the client may switch to
  std::string replay_;        // of the request's body, what a next attempt has to send again
  Deadline deadline_;
  Deadline side_deadline_;  // for a 100; for a look at a client whose request is queued
  TunnelBound drain_bound_{[this] { close_tunnel(observe::Cause::tunnel_drained); }};
  TunnelBound retire_bound_{[this] { close_tunnel(observe::Cause::tunnel_drained); }};
  std::optional<TimePoint> retires_at_;  // when it ends, if it is a tunnel by then
  upstream::DrainSubscription drain_subscription_;
  Wait wait_;
  Duration waited_{};              // for a backend, in the queue and in connects that failed
  observe::Cause refused_by_{};    // the last answer that was no valid one
  unsigned interims_ = 0;          // 1xx responses of this attempt
  bool continue_awaited_ = false;  // the client may send nothing before a 100
  bool fresh_only_ = false;        // a reused connection has failed us once
  bool may_replay_ = false;        // the method, or the pool, allows a second attempt
  bool body_remembered_ = true;    // replay_ holds all of the body that was taken from the client
  bool body_ended_ = false;        // the client's body was taken whole
  bool has_drain_header_ = false;  // the response: the client is not to see it
  bool is_last_response_ = false;  // its backend says that it drains
  bool has_head_ = false;          // of this attempt's response, an interim one or its own
  bool logs_in_ = false;           // the request: its connection becomes the client's alone
  bool is_clients_own_ = false;    // this attempt's connection has been that before
  bool is_tunnel_ = false;
  bool switches_late_ = false;      // a 101 has come; the request's body is to end first (RFC 9110 7.8)
  bool tunnel_up_ended_ = false;    // the client's direction
  bool tunnel_down_ended_ = false;  // the backend's
};

}  // namespace sluice::proxy
