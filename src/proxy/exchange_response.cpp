// The way of a response, from a backend to the client; what becomes of attempts that fail; and the end.
#include <sluice/base/text.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/cause_of.h"
#include "proxy/drain_header.h"
#include "proxy/local_reply.h"
#include "proxy/trust.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

namespace {

/// A backend that answers errors quickly is not quick.
void measure(const InFlight& flight, upstream::Backend& backend) {
  if (flight.settings->balance.policy != config::BalancePolicy::random_two || flight.status >= 500) return;
  const TimePoint now = flight.context->deadlines.clock().now();
  backend.answered(now, now - flight.sent_at);
}

}  // namespace

/// One for all attempts.
Response& Exchange::response() {
  return response_ ? *response_ : response_.emplace(flight_, static_cast<ResponseOwner&>(*this));
}

void Exchange::respond(const http::ResponseHead& head) {
  flight_.status = head.status;
  flight_.trace.response_came(head.fields().size());
  const Attempt& attempt = *attempts_.current();
  measure(flight_, attempt.backend());
  response().start(head, *attempt.stream(), heed(head));
}

/// The drain header is for Sluice: the client does not see it.
Response::Facts Exchange::heed(const http::ResponseHead& head) {
  Response::Facts facts{.may_be_held = plan_.may_replay && plan_.is_body_replayable()};
  if (const std::string& field = flight_.settings->drain_header.name; !field.empty()) {
    const DrainSignal word = drain_signal(head, field);
    facts.has_drain_header = word != DrainSignal::none;
    is_last_response_ = word == DrainSignal::drains;
    if (is_last_response_) attempts_.current()->backend().signalled_drain();
  }
  facts.sticky_id = flight_.pool->new_sticky_id(attempts_.current()->backend(), plan_.key);
  return facts;
}

void Exchange::on_response_end(Result<void> how) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return attempt_failed({.error = error, .was_connected = true});
  }
  const Flow flow = response_->end();
  Attempt& attempt = *attempts_.current();
  attempt.backend().answered_whole(flight_.status);
  // If the request body has not been read whole, the client's stream deals with the rest.
  if (body_) body_->drop();
  attempt.finish(response_->head(), !is_last_response_);
  attempts_.drop_current();
  flight_.cause = Cause::ok;
  if (flow == Flow::blocked) return flush();
  over(Cause::ok, Ending::finish);
}

/// The last bytes of the answer are on their way; it counts once they have left.
void Exchange::flush() {
  wait_ = flight_.client->when_writable([this](Result<void> how) {
    if (!how) return client_gone(how.error());
    over(flight_.cause, Ending::finish);
  });
}

/// The two connections switch protocols, and carry bytes to each other from here on.
void Exchange::upgrade(const http::ResponseHead& head) {
  if (!http::accepts_upgrade(head, plan_.upgrade)) {
    return attempt_failed({.error = {.code = ErrorCode::unsupported,
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

// ---- what goes wrong

/// Before the first byte of a response, and only then, another backend may be tried.
void Exchange::attempt_failed(const AttemptOutcome& outcome) {
  const Error& error = outcome.error;
  const int received_status = flight_.status;
  const Cause cause = cause_of_attempt(error, received_status);
  observe::Tally& tally = attempts_.tally();  // Of the backend that it still has.
  attempts_.learn(outcome, cause);
  drop_attempts();
  flight_.trace.attempt_ends(flight_.backend, cause, received_status, flight_.sent_at,
                             flight_.context->deadlines.clock().now());
  if (flight_.client->is_committed()) {
    tally.add(observe::Event::cut, cause);
    return over(cause, Ending::abort);
  }
  flight_.client->discard_head();
  is_last_response_ = false;
  upgrades_late_ = nullptr;
  flight_.status = 0;
  flight_.sent = 0;
  const bool again = may_retry({.nothing_sent = outcome.has_taken_nothing,
                                .idempotent = plan_.may_replay,
                                .non_idempotent_allowed = flight_.settings->retry.non_idempotent,
                                .body_replayable = plan_.is_body_replayable(),
                                .timed_out = error.code == ErrorCode::timed_out && !outcome.was_cut,
                                .attempts = flight_.attempts,
                                .attempts_allowed = flight_.settings->retry.attempts});
  if (!again) return reply(cause, {}, received_status);
  // The backend has read nothing: as after a refused connection.
  if (outcome.has_taken_nothing) --flight_.attempts;
  if (!outcome.is_stale && !flight_.pool->retry_budget().take(flight_.context->deadlines.clock().now())) {
    return reply(Cause::retry_budget, {}, received_status);
  }
  flight_.failed_at = &tally;
  flight_.failed_by = cause;
  pick_backend();
}

void Exchange::client_gone(const Error& error) {
  over(error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::client_gone, Ending::abort);
}

// ---- the end

void Exchange::drop_attempts() {
  if (queued_) queued_->client_look.disarm();
  wait_.cancel();
  if (body_) body_->stop();
  if (response_) response_->stop();
  attempts_.drop_all();
}

void Exchange::reply(Cause cause, std::string_view explanation, int received_status) {
  if (flight_.request_id.empty()) {  // It ended before it got an id.
    flight_.is_trusted_client = is_trusted(flight_.config().forwarding, flight_.client->client().address);
    flight_.choose_request_id();
  }
  const StatusFacts facts{.cause = cause,
                          .details = explanation,
                          .next_hop = flight_.was_tried ? &flight_.backend : nullptr,
                          .received_status = received_status};
  answer(error_reply(flight_.config(), facts, flight_.request_id));
}

void Exchange::answer(const LocalReply& reply) {
  drop_attempts();
  if (body_) body_->drop();
  flight_.cause = reply.cause;
  flight_.status = reply.status;
  const wire::ReplySent own = flight_.client->send_reply(reply.response());
  flight_.sent = own.content_size;
  if (own.flow == Flow::blocked) return flush();
  over(reply.cause, Ending::finish);
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

std::string Exchange::backend() const {
  const Attempt* const attempt = attempts_.current();
  return attempt != nullptr ? attempt->address().text() : std::string();
}

bool Exchange::is_at(const upstream::BackendState& backend) const {
  return attempts_.is_at(backend) || (body_ && body_->is_at(backend));
}

std::string_view Exchange::phase() const {
  if (flight_.client->is_committed()) return "response";
  if (attempts_.current() == nullptr) return "queued";
  if (attempts_.current()->stream() == nullptr) return "connecting";
  return body_ && body_->is_sending() ? "upload" : "waiting";
}

}  // namespace sluice::proxy
