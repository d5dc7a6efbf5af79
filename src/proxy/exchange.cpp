// The way of a request, from the client to a backend, and of its response back, step by step.
#include <sluice/base/uri_path.h>
#include <sluice/http/connection_login.h>
#include <sluice/http/max_forwards.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/retry.h>

#include <utility>

#include "proxy/balance_key.h"
#include "proxy/local_reply.h"
#include "proxy/login_connections.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

Exchange::Exchange(InFlight& flight, ExchangeOwner& owner, LoginConnections* logins)
    : flight_(flight), owner_(owner) {
  plan_.logins = logins;
}

Exchange::~Exchange() {
  response_.reset();  // These use the attempts' streams.
  body_.reset();
}

void Exchange::start() {
  ExchangeContext& context = *flight_.context;
  const LocalGeneration& generation = *flight_.generation;
  const auto& request = flight_.client->request();
  if (http::ends_here(request)) return answer(max_forwards_reply(flight_.config(), request));
  const RequestPath path{.raw = request.path(), .normal = normal_path(request.path(), context.normal_path)};
  const auto index = generation.shared->routes().match(request.host(), path, &request);
  if (!index) return reply(Cause::no_route);
  flight_.follow(*index);
  if (hides_its_end(*flight_.route, path)) return reply(Cause::bad_request, "an encoded NUL in the path");
  if (flight_.route->redirect) {
    const auto found =
        redirect_reply(flight_.config(), *flight_.route->redirect, flight_.rules->response.added, request);
    return found ? answer(*found) : reply(Cause::bad_request, "a redirect from here needs a Host");
  }
  if (flight_.route->respond)
    return answer(fixed_reply(flight_.config(), *flight_.route->respond, flight_.rules->response.added));
  const WeightedTargets& ways = generation.targets_of_route[*index];
  const WeightedTarget* known = target_of_known(ways, plan_.logins, flight_.config(), *flight_.client);
  const WeightedTarget& way = known != nullptr ? *known : choose_target(ways, context.turns);
  flight_.settings = way.settings;
  flight_.pool = way.pool;
  flight_.pool->retry_budget().count_request();
  plan(path);
  pick_backend();
}

void Exchange::plan(const RequestPath& path) {
  const auto& request = flight_.client->request();
  if (request.framing.has_body()) {
    plan_.body = &body_.emplace(flight_, static_cast<RequestBodyOwner&>(*this));
  }
  plan_.may_replay = may_replay(request, flight_.settings->retry);
  plan_.logs_in = http::logs_connection_in(request);
  plan_.upgrade = http::wanted_upgrade(request, flight_.route->upgrade);
  flight_.identify();
  plan_.key =
      balance_key(flight_.settings->balance, flight_.config(), *flight_.client, flight_.is_trusted_client);
  if (flight_.rules->path.is_needed() && !request.is_about_server()) {
    flight_.rules->path.append(plan_.target, path);
    plan_.target += request.query();
  }
}

// ---- towards a backend

void Exchange::pick_backend() {
  auto lease = flight_.pool->try_pick(ask());
  if (lease) return attempts_.start(*std::move(lease));
  // A backend that was tried would give the same invalid answer.
  if (!flight_.refused.empty()) return reply(attempts_.refused_by());
  if (!wait_) wait_ = std::make_unique<BackendWait>(flight_, static_cast<BackendWaitOwner&>(*this));
  wait_->begin(ask());
}

upstream::PickRequest Exchange::ask() const {
  const bool may_have_login = plan_.logins != nullptr && !plan_.logins->is_empty();
  return {.tried = attempts_.tried(),
          .key = plan_.key,
          .untried_only = !flight_.refused.empty(),
          .only = may_have_login ? plan_.logins->backend_in(*flight_.pool) : nullptr};
}

void Exchange::login_ended() {
  if (flight_.trace.is_waiting() && plan_.logins->backend_in(*flight_.pool) == nullptr) wait_->take_any();
}

// ---- attempts

void Exchange::on_interim(const http::ResponseHead& head) {
  if (body_) body_->stop_expecting();
  flight_.client->send_interim(head, &flight_.rules->response);
}

void Exchange::on_head(const http::ResponseHead& head) {
  if (body_) body_->stop_expecting();
  if (head.status == 101) return upgrade(head);
  if (flight_.settings->retry.partial_post && is_given_back(head)) return take_back(head);
  respond(head);
}

/// The backend is not to blame then; the client has timeouts of its own.
bool Exchange::waits_for_client() const {
  if (response_ && response_->is_passed_on()) return response_->waits_for_client();
  return body_ && body_->waits_for_client();
}

void Exchange::on_attempts_failed(const AttemptsFailure& failed) {
  drop_attempts();
  if (flight_.client->is_committed()) return over(failed.cause, Ending::abort);
  flight_.client->discard_head();
  upgrades_late_ = nullptr;
  flight_.status = 0;
  flight_.sent = 0;
  failed.is_final ? reply(failed.cause, {}, failed.received_status) : pick_backend();
}

// ---- the body

void Exchange::on_body_sent() {
  if (upgrades_late_ != nullptr) return upgrade(*upgrades_late_);
  attempts_.current()->restart_deadline();
}

void Exchange::on_body_refused(const Error& error) {
  if (upgrades_late_ != nullptr) attempts_.fail({.error = error, .was_connected = true});
}

void Exchange::on_body_lost(Cause cause, std::string_view explanation) {
  flight_.client->is_committed() ? over(cause, Ending::abort) : reply(cause, explanation);
}

/// The exchange goes on at another backend, with the client's head.
void Exchange::take_back(const http::ResponseHead& head) {
  flight_.note_attempt(Cause::partial_post, head.status);
  if (flight_.attempts >= flight_.settings->retry.attempts || (body_ && !body_->may_be_given_back())) {
    return reply(Cause::partial_post, "no backend that is left keeps the request", head.status);
  }
  flight_.note_retry(Cause::partial_post, attempts_.version());
  Attempt& attempt = *attempts_.current();
  attempts_.pass_over(attempt.backend());
  attempt.backend().returned_request();
  if (!plan_.is_body_replayable()) {
    TunnelBackend backend = attempt.release();
    body_->take_back(std::move(backend.lease), std::move(backend.stream));
  }
  drop_attempts();
  pick_backend();
}

// ---- the response

/// One for all attempts.
Response& Exchange::response() {
  return response_ ? *response_ : response_.emplace(flight_, static_cast<ResponseOwner&>(*this));
}

void Exchange::respond(const http::ResponseHead& head) {
  flight_.status = head.status;
  flight_.trace.response_came(head.fields().size());
  Attempt& attempt = *attempts_.current();
  attempt.measure(head.status);
  response().start(head, *attempt.stream(), heed(head));
}

Response::Facts Exchange::heed(const http::ResponseHead& head) {
  Attempt& attempt = *attempts_.current();
  const bool has_drain_header =
      attempt.heed_drain_header(head);  // First: a cookie goes by the backend's health.
  return {.sticky_id = flight_.pool->new_sticky_id(attempt.backend(), plan_.key),
          .has_drain_header = has_drain_header,
          .may_be_held = plan_.may_replay && plan_.is_body_replayable()};
}

void Exchange::on_response_end(Result<void> how) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return attempts_.fail({.error = error, .was_connected = true});
  }
  const Flow flow = response_->end();
  Attempt& attempt = *attempts_.current();
  attempt.backend().answered_whole(flight_.status);
  // If the request body has not been read whole, the client's stream deals with the rest.
  if (body_) body_->drop();
  attempt.finish(response_->head(), !attempt.is_last());
  attempts_.drop_current();
  finish(Cause::ok, flow);
}

/// The two connections switch protocols, and carry bytes to each other from here on.
void Exchange::upgrade(const http::ResponseHead& head) {
  if (!http::accepts_upgrade(head, plan_.upgrade)) {
    return attempts_.fail({.error = {.code = ErrorCode::unsupported,
                                     .message = "the backend switched to another protocol than was asked for",
                                     .origin = Origin::upstream,
                                     .status = 502},
                           .was_connected = true});
  }
  // The body is whole once on_body_sent() has run. A client that waits for a 100 would never send it.
  upgrades_late_ = body_ && body_->is_under_way() ? &head : nullptr;
  if (upgrades_late_ != nullptr) return flight_.client->send_continue();
  Attempt& attempt = *attempts_.current();
  attempt.stream()->switch_protocols();
  const Flow flow = response().switch_protocols(head, heed(head));
  attempt.backend().answered_whole(101);
  TunnelBackend backend = attempt.release();
  attempts_.drop_current();
  owner_.on_upgraded(std::move(backend), flow);
}

// ---- the end

void Exchange::drop_attempts() {
  if (wait_) wait_->stop();
  flushed_.cancel();
  if (body_) body_->stop();
  if (response_) response_->stop();
  attempts_.drop_all();
}

void Exchange::reply(Cause cause, std::string_view explanation, int received_status) {
  if (flight_.request_id.empty()) flight_.identify();  // It ended before it got an id.
  const StatusFacts facts{.cause = cause,
                          .details = explanation,
                          .next_hop = flight_.was_tried ? &flight_.backend : nullptr,
                          .received_status = received_status};
  answer(error_reply(flight_.config(), facts, flight_.request_id));
}

void Exchange::answer(const LocalReply& reply) {
  drop_attempts();
  if (body_) body_->drop();
  flight_.status = reply.status;
  const wire::ReplySent own = flight_.client->send_reply(reply.response());
  flight_.sent = own.content_size;
  finish(reply.cause, own.flow);
}

/// The last bytes of the answer are on their way; it counts once they have left.
void Exchange::finish(Cause cause, Flow flow) {
  flight_.cause = cause;
  if (flow == Flow::open) return over(cause, Ending::finish);
  flushed_ = flight_.client->when_writable([this](Result<void> how) {
    if (!how) return client_gone(how.error());
    over(flight_.cause, Ending::finish);
  });
}

void Exchange::client_gone(const Error& error) {
  over(error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::client_gone, Ending::abort);
}

void Exchange::stop() {
  end(Cause::stopped);
  drop_attempts();
  if (body_) body_->drop();
}

/// The owner drops the exchange, and with it what is still under way.
void Exchange::over(Cause cause, Ending ending) {
  end(cause);
  owner_.on_exchange_over(ending);
}

/// The only place where an exchange gets its outcome.
void Exchange::end(Cause cause) {
  flight_.end({.cause = cause,
               .version = attempts_.version(),
               .is_cut = attempts_.current() != nullptr && flight_.client->is_committed()});
}

// ---- reports

bool Exchange::is_at(const upstream::BackendState& backend) const {
  return attempts_.is_at(backend) || (body_ && body_->is_at(backend));
}

std::string Exchange::backend() const {
  const Attempt* const attempt = attempts_.current();
  return attempt != nullptr ? attempt->address().text() : std::string();
}

std::string_view Exchange::phase() const {
  if (flight_.client->is_committed()) return "response";
  if (attempts_.current() == nullptr) return "queued";
  if (attempts_.current()->stream() == nullptr) return "connecting";
  return body_ && body_->is_sending() ? "upload" : "waiting";
}

}  // namespace sluice::proxy
