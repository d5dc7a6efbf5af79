// The way of a request, from the client to a backend, step by step.
#include <sluice/base/text.h>
#include <sluice/base/uri_path.h>
#include <sluice/http/connection_login.h>
#include <sluice/http/max_forwards.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/balance_key.h"
#include "proxy/cause_of.h"
#include "proxy/local_reply.h"
#include "proxy/login_connections.h"
#include "proxy/trust.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {
namespace {

constexpr Duration kLookAgain{500};
constexpr int kPartialPost = 379;
/// Required beside the status, which is not registered: no backend sends both by accident.
constexpr std::string_view kPartialPostReason = "PartialPOST Replay";

/// A backend that ends strings at a NUL would see a shorter path than the route has matched.
bool hides_its_end(const config::Route& route, const RequestPath& path) {
  if (route.path_match == config::PathMatch::raw || path.normal.data() == path.raw.data()) return false;
  return path.normal.find("%00") != std::string_view::npos;
}

/// A client that has logged in at one side of a split stays there.
const WeightedTarget* target_of_login(const WeightedTargets& ways, const LoginConnections* logins) {
  if (logins == nullptr || logins->is_empty()) return nullptr;
  const auto found = std::ranges::find_if(
      ways, [&](const WeightedTarget& way) { return logins->backend_in(*way.pool) != nullptr; });
  return found == ways.end() ? nullptr : &*found;
}

/// The head says that the backend has done nothing, and gives the request's body back. After "Zero Downtime
/// Release" (SIGCOMM 2020, 4.3).
bool is_given_back(const http::ResponseHead& head) {
  return head.status == kPartialPost && head.reason() == kPartialPostReason;
}

}  // namespace

using observe::Cause;

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
  const wire::ServerStream& client = *flight_.client;
  const auto& request = client.request();
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
  const WeightedTarget* known = target_of_login(ways, plan_.logins);
  if (known == nullptr) known = sticky_target(ways, flight_.config(), client);
  const WeightedTarget& way = known != nullptr ? *known : choose_target(ways, context.turns);
  flight_.settings = way.settings;
  flight_.pool = way.pool;
  flight_.pool->retry_budget().count_request();
  if (request.framing.has_body()) {
    plan_.body = &body_.emplace(flight_, static_cast<RequestBodyOwner&>(*this));
  }
  plan_.may_replay = may_replay(request, flight_.settings->retry);
  plan_.logs_in = http::logs_connection_in(request);
  plan_.upgrade = http::wanted_upgrade(request, flight_.route->upgrade);
  flight_.is_trusted_client = is_trusted(flight_.config().forwarding, client.client().address);
  plan_.key = balance_key(flight_.settings->balance, flight_.config(), client, flight_.is_trusted_client);
  if (flight_.rules->path.is_needed() && !request.is_about_server()) {
    flight_.rules->path.append(plan_.target, path);
    plan_.target += request.query();
  }
  flight_.choose_request_id();
  pick_backend();
}

// ---- towards a backend

void Exchange::pick_backend() {
  auto lease = flight_.pool->try_pick(ask());
  // A backend that was tried would give the same invalid answer.
  if (!lease && !flight_.refused.empty()) return reply(attempts_.refused_by());
  if (!lease) return wait_for_backend();
  attempts_.start(*std::move(lease));
}

upstream::PickRequest Exchange::ask() const {
  const bool may_have_login = plan_.logins != nullptr && !plan_.logins->is_empty();
  return {.tried = attempts_.tried(),
          .key = plan_.key,
          .untried_only = !flight_.refused.empty(),
          .only = may_have_login ? plan_.logins->backend_in(*flight_.pool) : nullptr};
}

/// No backend can take the request now. It waits for the pool's bound in all, however often it comes back
/// here; its attempts in between do not count.
void Exchange::wait_for_backend() {
  const Duration left = flight_.settings->queue.timeout - waited_;
  if (left <= Duration::zero()) return reply(Cause::queue_timeout);
  if (flight_.pool->is_queue_full()) return reply(Cause::queue_full);
  flight_.trace.wait_begins(flight_.context->deadlines.clock().now());
  if (!queued_) queued_ = std::make_unique<Queued>([this] { look_for_client(); });
  flight_.context->deadlines.arm(queued_->client_look, kLookAgain);
  wait_ = flight_.pool->wait_for_backend(
      queued_->place, ask(), left, [this](Result<upstream::Lease> lease) { on_lease(std::move(lease)); });
}

void Exchange::on_lease(Result<upstream::Lease> lease) {
  queued_->client_look.disarm();
  if (flight_.client->has_left()) return client_gone(wire::client_left());
  if (!lease) return reply(cause_of_queue(lease.error()), lease.error().message);
  waited_ += flight_.context->deadlines.clock().now() -
             std::max(flight_.trace.waits_since(), queued_->place.released());
  flight_.wait_over(Cause::ok, lease->backend().version());
  attempts_.start(*std::move(lease));
}

void Exchange::login_ended() {
  if (flight_.trace.is_waiting() && plan_.logins->backend_in(*flight_.pool) == nullptr)
    queued_->place.take_any();
}

/// A client that has sent much is not read from while it waits: its leaving would go unnoticed, and its
/// request would keep its place in the queue.
void Exchange::look_for_client() {
  if (flight_.client->has_left()) return client_gone(wire::client_left());
  flight_.context->deadlines.arm(queued_->client_look, kLookAgain);
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

void Exchange::on_attempts_failed(const AttemptOutcome& outcome) {
  outcome.was_connected ? attempt_failed(outcome) : connect_failed(outcome);
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. The pool's bound on
/// waiting ends this.
void Exchange::connect_failed(const AttemptOutcome& outcome) {
  const Cause cause = cause_of_connect(outcome.error);
  if (cause == Cause::no_descriptors) return reply(cause);  // Not the backend's fault.
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, cause, 0, now, now);
  flight_.note_retry(cause, attempts_.version());
  attempts_.learn(outcome, cause);
  waited_ += now - attempts_.current()->dialed();
  drop_attempts();
  --flight_.attempts;
  if (waited_ >= flight_.settings->queue.timeout) return reply(cause);
  pick_backend();
}

// ---- the body

void Exchange::on_body_sent() {
  if (upgrades_late_ != nullptr) return upgrade(*upgrades_late_);
  attempts_.current()->restart_deadline();
}

void Exchange::on_body_refused(const Error& error) {
  if (upgrades_late_ != nullptr) attempt_failed({.error = error, .was_connected = true});
}

void Exchange::on_body_lost(Cause cause, std::string_view explanation) {
  if (flight_.client->is_committed()) return over(cause, Ending::abort);
  reply(cause, explanation);
}

/// The exchange goes on at another backend, with the client's head.
void Exchange::take_back(const http::ResponseHead& head) {
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, Cause::partial_post, head.status, flight_.sent_at, now);
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

}  // namespace sluice::proxy
