// One request and its response, with all its attempts. Read exchange.cpp from top to bottom to know how a
// request travels.
#pragma once

#include <sluice/base/wait.h>
#include <sluice/http/forwarding.h>
#include <sluice/observe/cause.h>
#include <sluice/proxy/attempts.h>
#include <sluice/proxy/backend_wait.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/path_rewrite.h>
#include <sluice/proxy/request_body.h>
#include <sluice/proxy/response.h>
#include <sluice/upstream/pool.h>
#include <sluice/wire/body.h>
#include <sluice/wire/stream.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::proxy {

class LoginConnections;
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

/// One request's way to a backend, and its response's way back. Each step ends by calling the next, or waits
/// for what one of its parts reports, or at the end until the answer has left. Bodies move in pumps beside
/// it. Dropping the exchange drops its waits: no callback can reach it.
class Exchange final : private BackendWaitOwner,
                       private AttemptsOwner,
                       private RequestBodyOwner,
                       private ResponseOwner {
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
  void plan(const RequestPath& path);
  void pick_backend();
  upstream::PickRequest ask() const;
  void on_backend(upstream::Lease lease) override { attempts_.start(std::move(lease)); }
  void on_no_backend(observe::Cause cause, std::string_view details) override { reply(cause, details); }
  void on_client_left() override { client_gone(wire::client_left()); }

  // Its attempts.
  void on_interim(const http::ResponseHead& head) override;
  void on_head(const http::ResponseHead& head) override;
  void on_attempts_failed(const AttemptsFailure& failed) override;
  bool waits_for_client() const override;

  // Its body.
  void on_body_moved() override { attempts_.current()->restart_deadline(); }
  void on_body_sent() override;
  void on_body_refused(const Error& error) override;
  void on_body_lost(observe::Cause cause, std::string_view explanation) override;
  void take_back(const http::ResponseHead& head);

  // The response.
  Response& response();
  void respond(const http::ResponseHead& head);
  Response::Facts heed(const http::ResponseHead& head);
  void on_response_moved() override { attempts_.current()->restart_deadline(); }
  void on_response_end(Result<void> how) override;
  void upgrade(const http::ResponseHead& head);

  // The end.
  void drop_attempts();
  void reply(observe::Cause cause, std::string_view explanation = {}, int received_status = 0);
  void answer(const LocalReply& reply);
  void finish(observe::Cause cause, wire::Flow flow);
  void over(observe::Cause cause, Ending ending);
  void end(observe::Cause cause);

  // What each request touches lies together, and first what only some have, or not from the start: a busy
  // worker has thousands of exchanges.
  std::optional<RequestBody> body_;
  std::optional<Response> response_;  // once there was one
  InFlight& flight_;
  ExchangeOwner& owner_;
  RequestPlan plan_;
  Attempts attempts_{flight_, plan_, static_cast<AttemptsOwner&>(*this)};
  const http::ResponseHead* upgrades_late_ =
      nullptr;                         // a 101, while the request's body is sent (RFC 9110 7.8)
  Wait flushed_;                       // the last bytes of the answer have left
  std::unique_ptr<BackendWait> wait_;  // once no backend could take it
};

}  // namespace sluice::proxy
