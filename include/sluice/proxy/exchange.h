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
#include <sluice/proxy/holder.h>
#include <sluice/proxy/moved_connection.h>
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

class HeldResponse;
struct Hedge;
struct PartialPost;
struct LocalGeneration;

/// What the exchanges of one worker share.
struct ExchangeContext {
  Deadlines& deadlines;
  upstream::Dialer& dialer;
  observe::WorkerCounters& counters;
  observe::AccessLog& access;
  RequestIds ids{};
  SplitTurns turns{};
  RecentRequests recent{};
};

/// How the client's stream is to be left when an exchange is over.
enum class Ending { finish, abort };

/// Each step ends by naming the next, or by setting `wait_`: the one thing the exchange waits for. Bodies
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

  /// `client` holds a whole request. `generation` is the newest one, and outlives the exchange's pass.
  void start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
             unsigned worker, OnOver on_over);
  /// The client broke off (or was too slow: the error says): nobody waits for an answer any more.
  void client_gone(const Error& error);
  /// The connection is to end: a tunnel on it gets this long, and is then closed politely.
  void retire(Duration bound);
  /// Its generation's time is over: see end_drain().
  void outlive_generation(LocalGeneration& newest, unsigned worker);
  bool is_tunnel() const { return is_tunnel_; }
  /// Runs the callback once should the exchange become a tunnel. It may drop the exchange.
  void tell_tunnel(std::function<void()> on_tunnel) { on_tunnel_ = std::move(on_tunnel); }
  /// A tunnel for its next owner. Of this one's nothing is left to do but to drop the exchange, which then
  /// comes to no disposition here. Nothing when it ends here.
  struct LeftTunnel {
    TunnelRecord record;
    net::Descriptor client;
    net::Descriptor backend;
  };
  std::optional<LeftTunnel> leave_tunnel();
  /// Instead of start(): a tunnel of another owner's goes on. `client` is a tunnel already.
  Result<void> go_on(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                     unsigned worker, const std::shared_ptr<upstream::Pool>& pool, const TunnelRecord& record,
                     net::Descriptor backend, OnOver on_over);

  /// The process stops: drops everything. The owner ends the stream.
  void stop();

  /// The one it began with.
  uint64_t generation() const { return number_; }
  Holder as_holder() const;
  /// Empty when it has none.
  std::string_view request_id() const { return request_id_; }

  void clear();

  ListHook hook;  ///< among those inside the generation

 private:
  // The request, in the order of its steps.
  void answer_here();
  void redirect();
  void respond();
  void pick_backend();
  void wait_for_backend();
  void on_lease(Result<upstream::Lease> lease);
  void look_for_client();
  void connect();
  void on_connected(Result<std::unique_ptr<wire::ClientStream>> connection);
  void connect_failed(const Error& error);
  void send_request();
  http::RequestForwarding forwarding(const Address& backend);
  void send_preface(wire::ClientStream& backend);
  void rewrite_target();
  void choose_request_id();
  std::string client_trailers() const;
  void send_body(wire::Flow flow);
  void send_rest(wire::Flow flow);
  void expect_continue();
  void stop_expecting();
  void remember(std::string_view piece);
  uint64_t most_remembered() const;
  void on_upload_done(Result<void> how);

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

  // When its generation ends first.
  void keep_rules();
  std::string_view doing() const;

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
  void answer(const http::OwnResponse& response, observe::Cause cause);
  void over(observe::Cause cause, Ending ending);
  void count(observe::Cause cause);
  void log_access();
  void record();
  void wait_over(observe::Cause cause);
  void note_failure(observe::Cause cause);
  void note_retry(observe::Cause cause);
  void count_retry();
  observe::Tally& tally() const;

  const config::Config& config() const;

  /// A route, with what is ready of it, that outlives its generation.
  struct KeptRules {
    config::Route route;
    RouteRules rules;
  };

  ExchangeContext* context_ = nullptr;
  wire::ServerStream* client_ = nullptr;
  LocalGeneration* generation_ = nullptr;
  OnOver on_over_;
  std::function<void()> on_tunnel_;  // when it is to move
  std::optional<Gate::Pass> pass_;
  const config::Route* route_ = nullptr;
  const RouteRules* rules_ = nullptr;
  const http::ResponseHead* response_ = nullptr;  // the backend's stream's, from its final head on
  std::unique_ptr<KeptRules> kept_rules_;
  std::shared_ptr<const config::Pool> settings_;
  std::shared_ptr<upstream::Pool> pool_;
  std::optional<upstream::Lease> lease_;
  std::unique_ptr<wire::ClientStream> upstream_;
  std::vector<const upstream::Backend*> tried_;
  upstream::QueuePlace place_;
  std::optional<uint64_t> key_;                  // what the balance goes by
  std::unique_ptr<http::FieldEdits> own_edits_;  // of the response, beyond the route's
  std::unique_ptr<HeldResponse> held_;           // what of it is kept back, when the pool wants that
  std::unique_ptr<Hedge> hedge_;
  std::unique_ptr<PartialPost> partial_;
  wire::Pump upload_;
  wire::Pump download_;
  std::string target_;        // to ask for, when it is not the client's
  std::string host_;          // to name, when it is not the client's
  std::string_view upgrade_;  // the protocol that the client may switch to
  RequestIds::Text made_id_;
  std::string_view request_id_;  // the client's, or made_id_
  std::string replay_;           // of the request's body, what a next attempt has to send again
  Deadline deadline_;
  Deadline side_deadline_;  // for a 100; for a tunnel whose backend drains
  upstream::DrainNotice drain_notice_;
  Wait wait_;
  Duration waited_{};  // for a backend, in the queue and in connects that failed
  TimePoint sent_at_;  // of this attempt
  Trace trace_;
  observe::Cause cause_{};               // why it ends as it does
  observe::Tally* failed_at_ = nullptr;  // of an attempt that failed, until the next one begins
  observe::Cause failed_by_{};           // ... by this
  Address backend_;                      // of the last attempt
  TimePoint started_;
  uint64_t number_ = 0;    // of the generation
  uint64_t sent_ = 0;      // bytes of the response's body
  uint64_t received_ = 0;  // bytes of the request's body
  int status_ = 0;         // of the answer that was begun
  unsigned attempts_ = 0;
  unsigned interims_ = 0;          // 1xx responses of this attempt
  bool continue_awaited_ = false;  // the client may send nothing before a 100
  bool was_tried_ = false;         // backend_ is somebody
  bool fresh_only_ = false;        // a reused connection has failed us once
  bool may_replay_ = false;        // the method, or the pool, allows a second attempt
  bool body_remembered_ = true;    // replay_ holds all of the body that was taken from the client
  bool body_ended_ = false;        // the client's body was taken whole
  bool has_drain_header_ = false;  // the response: the client is not to see it
  bool is_last_response_ = false;  // its backend says that it drains
  bool has_head_ = false;          // of this attempt's response, an interim one or its own
  bool is_trusted_client_ = false;
  bool is_tunnel_ = false;
  bool tunnel_up_ended_ = false;    // the client's direction
  bool tunnel_down_ended_ = false;  // the backend's
};

}  // namespace sluice::proxy
