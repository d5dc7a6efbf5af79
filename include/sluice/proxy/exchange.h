// One request and its response, with all its attempts. Read exchange.cpp from top to bottom to know how a
// request travels.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/http/forwarding.h>
#include <sluice/observe/cause.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/request_body.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

class BufferedResponse;
class LoginConnections;
struct Hedge;
struct LocalReply;
struct TunnelBackend;

/// What becomes of an exchange. Each call may drop it.
class ExchangeOwner {
 public:
  /// It is over, and its resources are given back: leave the client's stream as said.
  virtual void on_exchange_over(Ending ending) = 0;
  /// The backend has answered with 101, and both streams have switched protocols. `to_client`: whether bytes
  /// may follow at once.
  virtual void on_upgraded(TunnelBackend backend, wire::Flow to_client) = 0;

 protected:
  ~ExchangeOwner() = default;
};

/// One request's way to a backend, and its response's way back. Each step ends by calling the next, or by
/// setting `wait_`: the only thing the exchange waits for. Bodies move in pumps beside it. Dropping the
/// exchange drops its waits: no callback can reach it.
class Exchange final : private RequestBodyOwner {
 public:
  /// `flight` has begun: its client holds a whole request. `logins` are the client connection's; null: none
  /// is kept. All outlive the exchange.
  Exchange(InFlight& flight, ExchangeOwner& owner, LoginConnections* logins);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// May call the owner: the caller's last line.
  void start();
  /// The client broke off (or was too slow: the error says), and gets no answer any more.
  void client_gone(const Error& error);
  /// One of `logins` has ended: a request that waits for its backend may go to any.
  void login_ended();
  /// The process stops: drops everything. The owner ends the client's stream.
  void stop();
  /// Instead, while the client has no byte of a response: says so to the client.
  void answer_stopped() { reply(observe::Cause::stopped); }

  /// An attempt of this exchange is in flight there.
  bool is_at(const upstream::BackendState& backend) const;
  /// Of the attempt that is under way; empty while there is none.
  std::string backend() const;
  /// queued, connecting, upload, waiting or response.
  std::string_view phase() const;

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
  uint64_t most_remembered() const;
  void on_body_moved() override { arm_response_deadline(); }
  void on_body_sent() override;
  void on_body_refused(const Error& error) override;
  void on_body_lost(observe::Cause cause, std::string_view explanation) override;

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

  // The response.
  void on_head(Result<const http::ResponseHead*> head);
  void send_response(const http::ResponseHead& head);
  void heed_drain_header(const http::ResponseHead& head);
  void measure(int status);
  const http::FieldEdits* response_edits();
  std::string proxy_status() const;
  void on_response_end(Result<void> how);
  void flush();

  // A tunnel to be.
  void upgrade(const http::ResponseHead& head);

  // What goes wrong, and the end.
  void attempt_failed(const Error& error);
  void on_deadline();
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

  InFlight& flight_;
  ExchangeOwner& owner_;
  LoginConnections* logins_;
  const http::ResponseHead* response_ = nullptr;  // the backend's stream's, from its final head on
  std::optional<upstream::Lease> lease_;
  std::unique_ptr<wire::ClientStream> upstream_;
  std::vector<const upstream::Backend*> tried_;
  upstream::QueueEntry queue_entry_;
  std::optional<uint64_t> key_;                  // what the balance goes by
  std::unique_ptr<http::FieldEdits> own_edits_;  // of the response, beyond the route's
  std::unique_ptr<BufferedResponse> held_;       // what of it is kept back, when the pool wants that
  std::unique_ptr<Hedge> hedge_;
  RequestBody body_{flight_, *this};  // The last two use the streams.
  wire::Pump download_;
  std::string target_;        // to ask for, when it is not the client's
  std::string host_;          // to name, when it is not the client's
  std::string_view upgrade_;  // the protocol that the client may switch to
  Deadline deadline_{[this] { on_deadline(); }};
  Deadline client_look_{[this] { look_for_client(); }};  // while the request is queued
  Wait wait_;
  Duration waited_{};              // for a backend, in the queue and in connects that failed
  observe::Cause refused_by_{};    // the last answer that was no valid one
  unsigned interims_ = 0;          // 1xx responses of this attempt
  bool fresh_only_ = false;        // a reused connection has failed us once
  bool may_replay_ = false;        // the method, or the pool, allows a second attempt
  bool has_drain_header_ = false;  // the response: the client is not to see it
  bool is_last_response_ = false;  // its backend says that it drains
  bool has_head_ = false;          // of this attempt's response, an interim one or its own
  bool logs_in_ = false;           // the request: its connection becomes the client's alone
  bool is_clients_own_ = false;    // this attempt's connection has been that before
  bool switches_late_ = false;     // a 101 has come; the request's body is to end first (RFC 9110 7.8)
};

}  // namespace sluice::proxy
