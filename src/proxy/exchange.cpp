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

const config::Config& Exchange::config() const {
  return flight_.config();
}

void Exchange::start() {
  ExchangeContext& context = *flight_.context;
  const LocalGeneration& generation = *flight_.generation;
  const wire::ServerStream& client = *flight_.client;
  const auto& request = client.request();
  if (http::ends_here(request)) return answer(max_forwards_reply(config(), request));
  const RequestPath path{.raw = request.path(), .normal = normal_path(request.path(), context.normal_path)};
  const auto index = generation.shared->routes().match(request.host(), path, &request);
  if (!index) return reply(Cause::no_route);
  flight_.follow(*index);
  if (hides_its_end(*flight_.route, path)) return reply(Cause::bad_request, "an encoded NUL in the path");
  if (flight_.route->redirect) return redirect();
  if (flight_.route->respond)
    return answer(fixed_reply(config(), *flight_.route->respond, flight_.rules->response.added));
  const WeightedTargets& ways = generation.targets_of_route[*index];
  const WeightedTarget* known = target_of_login(ways);
  if (known == nullptr) known = sticky_target(ways, config(), client);
  const WeightedTarget& way = known != nullptr ? *known : choose_target(ways, context.turns);
  flight_.settings = way.settings;
  flight_.pool = way.pool;
  flight_.pool->retry_budget().count_request();
  if (request.framing.has_body()) body_.emplace(flight_, static_cast<RequestBodyOwner&>(*this));
  plan_.may_replay = may_replay(request, flight_.settings->retry);
  plan_.logs_in = http::logs_connection_in(request);
  plan_.upgrade = http::wanted_upgrade(request, flight_.route->upgrade);
  flight_.is_trusted_client = is_trusted(config().forwarding, client.client().address);
  key_ = balance_key(flight_.settings->balance, config(), client, flight_.is_trusted_client);
  rewrite_target(path);
  flight_.choose_request_id();
  pick_backend();
}

void Exchange::redirect() {
  const auto found = redirect_reply(config(), *flight_.route->redirect, flight_.rules->response.added,
                                    flight_.client->request());
  if (!found) return reply(Cause::bad_request, "a redirect from here needs a Host");
  answer(*found);
}

/// A client that has logged in at one side of a split stays there.
const WeightedTarget* Exchange::target_of_login(const WeightedTargets& ways) const {
  if (plan_.logins == nullptr || plan_.logins->is_empty()) return nullptr;
  const auto found = std::ranges::find_if(
      ways, [&](const WeightedTarget& way) { return plan_.logins->backend_in(*way.pool) != nullptr; });
  return found == ways.end() ? nullptr : &*found;
}

// ---- towards a backend

void Exchange::rewrite_target(const RequestPath& path) {
  if (!flight_.rules->path.is_needed() || flight_.client->request().is_about_server()) return;
  flight_.rules->path.append(plan_.target, path);
  plan_.target += flight_.client->request().query();
}

void Exchange::pick_backend() {
  auto lease = flight_.pool->try_pick(ask());
  // A backend that was tried would give the same invalid answer.
  if (!lease && !flight_.refused.empty()) return reply(refused_by_);
  if (!lease) return wait_for_backend();
  start_attempt(*std::move(lease));
}

upstream::PickRequest Exchange::ask() const {
  const bool may_have_login = plan_.logins != nullptr && !plan_.logins->is_empty();
  return {.tried = tried_,
          .key = key_,
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
  start_attempt(*std::move(lease));
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

void Exchange::start_attempt(upstream::Lease lease) {
  if (flight_.failed_at != nullptr) flight_.count_retry();
  Attempt& attempt = add_attempt(std::move(lease));
  const bool is_connected =
      attempt.take_connection({.fresh_only = fresh_only_, .may_be_repeated = may_be_repeated()});
  if (!is_connected) attempt.dial();
  follow(attempt);
  if (is_connected) attempt.send();
}

Attempt& Exchange::add_attempt(upstream::Lease lease) {
  ++flight_.attempts;
  RequestBody* const body = body_ ? &*body_ : nullptr;
  auto& owner = static_cast<AttemptOwner&>(*this);
  if (!first_) return first_.emplace(flight_, plan_, body, owner, std::move(lease));
  second_ = std::make_unique<Attempt>(flight_, plan_, body, owner, std::move(lease));
  return *second_;
}

Attempt* Exchange::attempt_beside(const Attempt& attempt) {
  if (&attempt != second_.get()) return second_.get();
  return first_ ? &*first_ : nullptr;
}

void Exchange::drop(Attempt& attempt) {
  if (current_ == &attempt) current_ = nullptr;
  &attempt == second_.get() ? second_.reset() : first_.reset();
}

/// Makes this attempt the current one, which logs and reports name.
void Exchange::follow(Attempt& attempt) {
  current_ = &attempt;
  flight_.backend = attempt.address();
  flight_.was_tried = true;
  flight_.sent_at = attempt.sent();
  flight_.trace.attempt_begins();
  if (attempt.dialed() != TimePoint()) flight_.trace.dials(attempt.dialed());
}

/// This attempt has answered first: the other one ends.
void Exchange::settle_on(Attempt& attempt) {
  if (hedge_due_) hedge_due_->disarm();
  if (Attempt* const beside = attempt_beside(attempt)) {
    flight_.trace.attempt_ended_beside(beside->record(Cause::hedged, 0));
    drop(*beside);
    hedged_ = nullptr;
    follow(attempt);
  }
  if (body_) body_->stop_expecting();
}

/// Whether another attempt can be made if the next one fails.
bool Exchange::may_be_repeated() const {
  return plan_.may_replay && is_body_replayable() && flight_.attempts < flight_.settings->retry.attempts &&
         surely_fits(flight_.client->request().framing, flight_.settings->retry);
}

void Exchange::on_sending(Attempt& attempt) {
  if (current_ == &attempt) flight_.sent_at = attempt.sent();
  if (hedged_ != nullptr) {
    flight_.context->counters.retries.add();
    std::exchange(hedged_, nullptr)->add(observe::Event::retried, Cause::hedged);
  } else if (flight_.settings->retry.hedge > Duration::zero()) {
    arm_hedge(attempt);
  }
}

void Exchange::on_interim(Attempt& attempt, const http::ResponseHead& head) {
  settle_on(attempt);
  flight_.client->send_interim(head, &flight_.rules->response);
}

void Exchange::on_head(Attempt& attempt, const http::ResponseHead& head) {
  settle_on(attempt);
  if (head.status == 101) return upgrade(head);
  if (is_given_back(head)) return take_back(head);
  respond(head);
}

/// The backend is not to blame then; the client has timeouts of its own.
bool Exchange::waits_for_client() const {
  if (response_ && response_->is_passed_on()) return response_->waits_for_client();
  return body_ && body_->waits_for_client();
}

void Exchange::on_attempt_over(Attempt& attempt, AttemptOutcome outcome) {
  if (hedge_due_) hedge_due_->disarm();
  if (attempt_beside(attempt) != nullptr) return lost_beside(attempt, outcome);
  outcome.was_connected ? attempt_failed(outcome) : connect_failed(outcome);
}

/// The other attempt goes on, and the request loses nothing. One that goes on alone has as much time as a
/// first one.
void Exchange::lost_beside(Attempt& attempt, const AttemptOutcome& outcome) {
  const Cause cause =
      outcome.was_connected ? cause_of_attempt(outcome.error, 0) : cause_of_connect(outcome.error);
  flight_.trace.attempt_ended_beside(attempt.record(cause, 0));
  learn_from(attempt, outcome, cause);
  if (!outcome.was_connected) hedged_ = nullptr;
  if (!outcome.was_connected || outcome.has_taken_nothing) --flight_.attempts;  // It does not count.
  const bool was_first = current_ == &attempt;
  Attempt& other = *attempt_beside(attempt);
  drop(attempt);
  follow(other);
  if (was_first && other.stream() != nullptr) other.restart_deadline();
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. The pool's bound on
/// waiting ends this.
void Exchange::connect_failed(const AttemptOutcome& outcome) {
  const Cause cause = cause_of_connect(outcome.error);
  if (cause == Cause::no_descriptors) return reply(cause);  // Not the backend's fault.
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, cause, 0, now, now);
  flight_.note_retry(cause, version());
  learn_from(*current_, outcome, cause);
  waited_ += now - current_->dialed();
  drop_attempts();
  --flight_.attempts;
  if (waited_ >= flight_.settings->queue.timeout) return reply(cause);
  pick_backend();
}

/// What the failure says of its backend and of its connection.
void Exchange::learn_from(const Attempt& attempt, const AttemptOutcome& outcome, Cause cause) {
  if (cause == Cause::no_descriptors) return;  // It says nothing.
  note_refusal(outcome.error, cause);
  upstream::Backend& backend = attempt.backend();
  if (outcome.is_stale) {
    fresh_only_ = true;
    return;
  }
  outcome.was_connected ? backend.connection_broke(cause) : backend.connect_failed(cause);
  pass_over(backend);
}

/// As long as there is another. A lease may be the last to hold the backend: the pointer that is kept is only
/// ever compared.
void Exchange::pass_over(const upstream::Backend& backend) {
  if (std::ranges::find(tried_, &backend) == tried_.end()) tried_.push_back(&backend);
}

// ---- a second attempt beside the first

/// Only where two deliveries at the same time are as good as one, by the method, and only the head has to be
/// sent. Permission to send a request again once an attempt has failed promises less. A client that sticks to
/// a backend would lose it.
void Exchange::arm_hedge(const Attempt& attempt) {
  if (plan_.logs_in || attempt.is_clients_own()) return;  // The backend knows the client by this connection.
  const auto& request = flight_.client->request();
  if (!request.is_idempotent() || !plan_.upgrade.empty() || body_) return;
  if (flight_.settings->balance.policy == config::BalancePolicy::sticky_cookie) return;
  if (flight_.attempts >= flight_.settings->retry.attempts) return;
  if (!hedge_due_) hedge_due_ = std::make_unique<Deadline>([this] { start_hedge(); });
  flight_.context->deadlines.arm(*hedge_due_, flight_.settings->retry.hedge);
}

void Exchange::start_hedge() {
  if (current_->has_answered()) return;
  auto tried = tried_;
  tried.push_back(&current_->backend());
  auto lease = flight_.pool->try_pick({.tried = tried, .key = key_});
  if (!lease || std::ranges::find(tried, &lease->backend()) != tried.end()) return;
  if (!flight_.pool->retry_budget().take(flight_.context->deadlines.clock().now())) return;
  hedged_ = &tally();
  Attempt& second = add_attempt(*std::move(lease));
  if (second.take_connection({.may_be_repeated = true, .with_login = false})) return second.send();
  second.dial();
}

// ---- the body

void Exchange::on_body_sent() {
  if (upgrades_late_ != nullptr) return upgrade(*upgrades_late_);
  current_->restart_deadline();
}

void Exchange::on_body_refused(const Error& error) {
  if (upgrades_late_ != nullptr) attempt_failed({.error = error, .was_connected = true});
}

void Exchange::on_body_lost(Cause cause, std::string_view explanation) {
  if (flight_.client->is_committed()) return over(cause, Ending::abort);
  reply(cause, explanation);
}

/// Whether the head says that the backend has done nothing, and gives the request's body back. After "Zero
/// Downtime Release" (SIGCOMM 2020, 4.3).
bool Exchange::is_given_back(const http::ResponseHead& head) const {
  return head.status == kPartialPost && flight_.settings->retry.partial_post &&
         head.reason() == kPartialPostReason;
}

/// The exchange goes on at another backend, with the client's head.
void Exchange::take_back(const http::ResponseHead& head) {
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, Cause::partial_post, head.status, flight_.sent_at, now);
  if (flight_.attempts >= flight_.settings->retry.attempts || (body_ && !body_->may_be_given_back())) {
    return reply(Cause::partial_post, "no backend that is left keeps the request", head.status);
  }
  flight_.note_retry(Cause::partial_post, version());
  tried_.push_back(&current_->backend());
  current_->backend().returned_request();
  if (!is_body_replayable()) {
    TunnelBackend backend = current_->release();
    body_->take_back(std::move(backend.lease), std::move(backend.stream));
  }
  drop_attempts();
  pick_backend();
}

}  // namespace sluice::proxy
