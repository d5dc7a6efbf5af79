#include <sluice/proxy/attempts.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/request_body.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/cause_of.h"

namespace sluice::proxy {

using observe::Cause;

void Attempts::start(upstream::Lease lease) {
  if (flight_.failed_at != nullptr) flight_.count_retry();
  Attempt& attempt = add(std::move(lease));
  const bool is_connected =
      attempt.take_connection({.fresh_only = fresh_only_, .may_be_repeated = may_be_repeated()});
  if (!is_connected) attempt.dial();
  follow(attempt);
  if (is_connected) attempt.send();
}

Attempt& Attempts::add(upstream::Lease lease) {
  ++flight_.attempts;
  auto& owner = static_cast<AttemptOwner&>(*this);
  if (!first_) return first_.emplace(flight_, plan_, owner, std::move(lease));
  second_ = std::make_unique<Attempt>(flight_, plan_, owner, std::move(lease));
  return *second_;
}

/// Whether another attempt can be made if the next one fails.
bool Attempts::may_be_repeated() const {
  return plan_.may_replay && plan_.is_body_replayable() &&
         flight_.attempts < flight_.settings->retry.attempts &&
         surely_fits(flight_.client->request().framing, flight_.settings->retry);
}

Attempt* Attempts::attempt_beside(const Attempt& attempt) {
  if (&attempt != second_.get()) return second_.get();
  return first_ ? &*first_ : nullptr;
}

void Attempts::drop(Attempt& attempt) {
  if (current_ == &attempt) current_ = nullptr;
  &attempt == second_.get() ? second_.reset() : first_.reset();
}

void Attempts::drop_all() {
  if (hedge_due_) hedge_due_->disarm();
  current_ = nullptr;
  hedged_ = nullptr;
  first_.reset();
  second_.reset();
}

/// Makes this attempt the current one.
void Attempts::follow(Attempt& attempt) {
  current_ = &attempt;
  flight_.backend = attempt.address();
  flight_.was_tried = true;
  flight_.sent_at = attempt.sent();
  flight_.trace.attempt_begins();
  if (attempt.dialed() != TimePoint()) flight_.trace.dials(attempt.dialed());
}

/// This attempt has answered first: the other one ends.
void Attempts::settle_on(Attempt& attempt) {
  if (hedge_due_) hedge_due_->disarm();
  Attempt* const beside = attempt_beside(attempt);
  if (beside == nullptr) return;
  flight_.trace.attempt_ended_beside(beside->record(Cause::hedged, 0));
  drop(*beside);
  hedged_ = nullptr;
  follow(attempt);
}

bool Attempts::is_at(const upstream::BackendState& backend) const {
  const auto leads_there = [&](const Attempt& attempt) {
    return attempt.backend().state().get() == &backend;
  };
  return (first_ && leads_there(*first_)) || (second_ && leads_there(*second_));
}

std::string_view Attempts::version() const {
  return current_ != nullptr ? std::string_view(current_->backend().version()) : std::string_view();
}

// ---- what they report

void Attempts::on_sending(Attempt& attempt) {
  if (current_ == &attempt) flight_.sent_at = attempt.sent();
  if (hedged_ != nullptr) {
    flight_.context->counters.retries.add();
    std::exchange(hedged_, nullptr)->add(observe::Event::retried, Cause::hedged);
  } else if (flight_.settings->retry.hedge > Duration::zero()) {
    arm_hedge(attempt);
  }
}

void Attempts::on_interim(Attempt& attempt, const http::ResponseHead& head) {
  settle_on(attempt);
  owner_.on_interim(head);
}

void Attempts::on_head(Attempt& attempt, const http::ResponseHead& head) {
  settle_on(attempt);
  owner_.on_head(head);
}

void Attempts::on_attempt_over(Attempt& attempt, AttemptOutcome outcome) {
  if (hedge_due_) hedge_due_->disarm();
  attempt_beside(attempt) != nullptr ? lost_beside(attempt, outcome) : fail(outcome);
}

void Attempts::fail(const AttemptOutcome& outcome) {
  owner_.on_attempts_failed(outcome.was_connected ? broken(outcome) : unsent(outcome));
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. The pool's bound on
/// waiting ends this.
AttemptsFailure Attempts::unsent(const AttemptOutcome& outcome) {
  const Cause cause = cause_of_connect(outcome.error);
  if (cause == Cause::no_descriptors) return {.cause = cause, .is_final = true};  // Not the backend's fault.
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, cause, 0, now, now);
  flight_.note_retry(cause, version());
  learn_from(*current_, outcome, cause);
  flight_.waited += now - current_->dialed();
  --flight_.attempts;
  return {.cause = cause, .is_final = flight_.waited >= flight_.settings->queue.timeout};
}

/// Before the first byte of a response, and only then, another backend may be tried.
AttemptsFailure Attempts::broken(const AttemptOutcome& outcome) {
  const int received_status = flight_.status;
  const Cause cause = cause_of_attempt(outcome.error, received_status);
  learn_from(*current_, outcome, cause);
  flight_.note_attempt(cause, received_status);
  if (flight_.client->is_committed()) {
    tally().add(observe::Event::cut, cause);
    return {.cause = cause, .received_status = received_status, .is_final = true};
  }
  if (const auto final_cause = refuse_another(outcome, cause)) {
    return {.cause = *final_cause, .received_status = received_status, .is_final = true};
  }
  flight_.note_retry(cause, version());
  return {.cause = cause, .received_status = received_status};
}

/// The cause to answer with; nothing when another attempt may follow. That costs the retry budget, unless the
/// connection was stale. An attempt of which the backend has read nothing does not count.
std::optional<Cause> Attempts::refuse_another(const AttemptOutcome& outcome, Cause cause) {
  const bool may_follow =
      may_retry({.nothing_sent = outcome.has_taken_nothing,
                 .idempotent = plan_.may_replay,
                 .non_idempotent_allowed = flight_.settings->retry.non_idempotent,
                 .body_replayable = plan_.is_body_replayable(),
                 .timed_out = outcome.error.code == ErrorCode::timed_out && !outcome.was_cut,
                 .attempts = flight_.attempts,
                 .attempts_allowed = flight_.settings->retry.attempts});
  if (!may_follow) return cause;
  // The backend has read nothing: as after a refused connection.
  if (outcome.has_taken_nothing) --flight_.attempts;
  if (outcome.is_stale) return {};
  const TimePoint now = flight_.context->deadlines.clock().now();
  return flight_.pool->retry_budget().take(now) ? std::nullopt : std::optional(Cause::retry_budget);
}

/// The other attempt goes on, and the request loses nothing. One that goes on alone has as much time as a
/// first one.
void Attempts::lost_beside(Attempt& attempt, const AttemptOutcome& outcome) {
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

void Attempts::learn_from(const Attempt& attempt, const AttemptOutcome& outcome, Cause cause) {
  if (cause == Cause::no_descriptors) return;  // It says nothing.
  const Error& error = outcome.error;
  if (error.code == ErrorCode::malformed || error.code == ErrorCode::too_large) {
    // Another request to the same backend would get the same response.
    flight_.refused = error.message;
    refused_by_ = cause;
  }
  upstream::Backend& backend = attempt.backend();
  if (outcome.is_stale) {
    fresh_only_ = true;
    return;
  }
  outcome.was_connected ? backend.connection_broke(cause) : backend.connect_failed(cause);
  pass_over(backend);
}

/// A lease may be the last to hold the backend: the pointer that is kept is only ever compared.
void Attempts::pass_over(const upstream::Backend& backend) {
  if (std::ranges::find(tried_, &backend) == tried_.end()) tried_.push_back(&backend);
}

// ---- a second attempt beside the first

/// Only where two deliveries at the same time are as good as one, by the method, and only the head has to be
/// sent. Permission to send a request again once an attempt has failed promises less. A client that sticks to
/// a backend would lose it.
void Attempts::arm_hedge(const Attempt& attempt) {
  if (plan_.logs_in || attempt.is_clients_own()) return;  // The backend knows the client by this connection.
  const auto& request = flight_.client->request();
  if (!request.is_idempotent() || !plan_.upgrade.empty() || plan_.body != nullptr) return;
  if (flight_.settings->balance.policy == config::BalancePolicy::sticky_cookie) return;
  if (flight_.attempts >= flight_.settings->retry.attempts) return;
  if (!hedge_due_) hedge_due_ = std::make_unique<Deadline>([this] { start_hedge(); });
  flight_.context->deadlines.arm(*hedge_due_, flight_.settings->retry.hedge);
}

void Attempts::start_hedge() {
  if (current_->has_answered()) return;
  auto tried = tried_;
  tried.push_back(&current_->backend());
  auto lease = flight_.pool->try_pick({.tried = tried, .key = plan_.key});
  if (!lease || std::ranges::find(tried, &lease->backend()) != tried.end()) return;
  if (!flight_.pool->retry_budget().take(flight_.context->deadlines.clock().now())) return;
  hedged_ = &tally();
  Attempt& second = add(*std::move(lease));
  if (second.take_connection({.may_be_repeated = true, .with_login = false})) return second.send();
  second.dial();
}

}  // namespace sluice::proxy
