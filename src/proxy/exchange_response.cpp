// The way of a response, from a backend to the client; what becomes of attempts that fail; and the end.
#include <sluice/base/text.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/retry.h>
#include <sluice/upstream/affinity.h>

#include <algorithm>
#include <utility>

#include "proxy/access.h"
#include "proxy/buffered_response.h"
#include "proxy/cause_of.h"
#include "proxy/drain_header.h"
#include "proxy/hedge.h"
#include "proxy/local_reply.h"
#include "proxy/trust.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;
using wire::Follows;

namespace {

constexpr unsigned kMostInterims = 100;  // of one attempt

}  // namespace

void Exchange::on_head(Result<const http::ResponseHead*> head) {
  if (!head) return attempt_failed(head.error());
  has_head_ = true;
  end_hedge();
  body_.attempt_answered();
  arm_response_deadline();
  if ((*head)->status == 101) return upgrade(**head);
  if (is_given_back(**head)) return take_back(**head);
  if (!(*head)->is_interim()) return send_response(**head);
  if (++interims_ > kMostInterims) {
    return attempt_failed({.code = ErrorCode::malformed,
                           .message = "too many interim responses",
                           .origin = Origin::upstream,
                           .status = 502});
  }
  flight_.client->send_interim(**head, &flight_.rules->response);
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> next) { on_head(std::move(next)); });
}

void Exchange::send_response(const http::ResponseHead& head) {
  response_ = &head;
  flight_.status = head.status;
  flight_.trace.response_came(head.fields().size());
  const bool has_body = head.framing.has_body();
  const bool body_at_once = has_body && upstream_->has_buffered_body();
  measure(head.status);
  if (!flight_.settings->drain_header.name.empty()) heed_drain_header(head);
  const bool is_held = has_body && hold_response(head);
  Flow flow = Flow::open;
  if (!is_held) flow = begin_response(body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  if (!has_body) return on_response_end({});
  const auto on_piece = [this](std::string_view piece) {
    flight_.sent += piece.size();
    arm_response_deadline();
  };
  const auto on_done = [this](Result<void> how) { on_response_end(std::move(how)); };
  wire::BodySink& sink = response_sink();
  if (flow == Flow::blocked) return download_.start_blocked(*upstream_, sink, on_piece, on_done);
  download_.start(*upstream_, sink, on_piece, on_done);
}

Flow Exchange::begin_response(Follows follows) {
  return flight_.client->send_head(*response_, response_edits(), follows);
}

/// Whether the response may begin only once it is whole, as far as the buffer goes: until then another
/// attempt may be made.
bool Exchange::hold_response(const http::ResponseHead& head) {
  const auto& retry = flight_.settings->retry;
  if (!retry.hold || !may_replay_ || !body_.is_replayable()) return false;
  if (head.framing.kind == http::Framing::Kind::length && head.framing.length > retry.buffer_bytes) {
    return false;
  }
  if (!held_) held_ = std::make_unique<BufferedResponse>();
  held_->start(*flight_.client, retry.buffer_bytes, [this] { begin_response(Follows::body_at_once); });
  return true;
}

wire::BodySink& Exchange::response_sink() {
  if (held_ && held_->is_in_use()) return *held_;
  return *flight_.client;
}

/// A quick error says nothing good of a backend.
void Exchange::measure(int status) {
  if (flight_.settings->balance.policy != config::BalancePolicy::random_two || status >= 500) return;
  const TimePoint now = flight_.context->deadlines.clock().now();
  lease_->backend().answered(now, now - flight_.sent_at);
}

/// The drain header is for Sluice: the client does not see it.
void Exchange::heed_drain_header(const http::ResponseHead& head) {
  const DrainSignal word = drain_signal(head, flight_.settings->drain_header.name);
  has_drain_header_ = word != DrainSignal::none;
  is_last_response_ = word == DrainSignal::drains;
  if (is_last_response_) lease_->backend().signalled_drain();
}

/// The route's, without a drain header, and with a new sticky cookie and Proxy-Status when there is one to be
/// set; null for none.
const http::FieldEdits* Exchange::response_edits() {
  const auto id = flight_.pool->new_sticky_id(lease_->backend(), key_);
  const bool has_status =
      config().proxy_status.forwarded && (flight_.trace.count() > 0 || flight_.trace.waits() > 0);
  if (!id && !has_status && !has_drain_header_)
    return flight_.rules->response.empty() ? nullptr : &flight_.rules->response;
  own_edits_ = std::make_unique<http::FieldEdits>(flight_.rules->response);
  if (has_drain_header_) own_edits_->removed.push_back(to_lower(flight_.settings->drain_header.name));
  if (id) own_edits_->added += upstream::set_cookie_line(flight_.settings->balance, *id);
  if (has_status) own_edits_->added += proxy_status();
  return own_edits_.get();
}

/// Of a backend's response: what it took to get it. A member of the backend's own stays before it.
std::string Exchange::proxy_status() const {
  std::string details = concat({"attempts=", std::to_string(flight_.trace.count() + 1)});
  if (flight_.trace.waits() > 0)
    details += concat({" held_ms=", std::to_string(flight_.trace.held().count())});
  return proxy_status_line(config().proxy_status, {.details = details, .next_hop = &flight_.backend});
}

void Exchange::on_response_end(Result<void> how) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return attempt_failed(error);
  }
  const Flow flow = response_sink().end_body(
      http::forwardable_trailers(upstream_->trailers(), *response_, &flight_.rules->response));
  lease_->backend().answered_whole(flight_.status);
  release_backend();
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
  if (!http::accepts_upgrade(head, upgrade_)) {
    return attempt_failed({.code = ErrorCode::unsupported,
                           .message = "the backend switched to another protocol than was asked for",
                           .origin = Origin::upstream,
                           .status = 502});
  }
  response_ = &head;
  // The body is whole once on_body_sent() has run. A client that waits for a 100 would never send it.
  switches_late_ = body_.is_under_way();
  if (switches_late_) return flight_.client->send_continue();
  upstream_->switch_protocols();
  if (!flight_.settings->drain_header.name.empty()) heed_drain_header(head);
  const Flow flow = flight_.client->switch_protocols(head, response_edits());
  lease_->backend().answered_whole(101);
  TunnelBackend backend{.lease = *std::move(lease_), .stream = std::move(upstream_)};
  lease_.reset();
  owner_.on_upgraded(std::move(backend), flow);
}

// ---- what goes wrong

/// Before the first byte of a response, and only then, another backend may be tried.
void Exchange::attempt_failed(const Error& error) {
  const bool was_bounded = is_attempt_bounded();
  const bool stale =
      upstream_->is_reused() && !upstream_->has_answered() && error.code != ErrorCode::timed_out;
  const bool taken_nothing = stale && upstream_->has_taken_nothing();
  const int received_status = flight_.status;
  const Cause cause = cause_of_attempt(error, received_status);
  if (error.code == ErrorCode::malformed || error.code == ErrorCode::too_large) {
    flight_.refused = error.message;
    refused_by_ = cause;
  }
  observe::Tally& tally = this->tally();             // Of the backend that it still has.
  std::unique_ptr<Hedge> hedge = std::move(hedge_);  // Goes on.
  if (stale) {
    fresh_only_ = true;
    lease_->backend().closed_when_reused();
    drop_attempt();
  } else {
    lease_->backend().connection_broke(cause);
    forget_backend();
  }
  hedge_ = std::move(hedge);
  flight_.trace.attempt_ends(flight_.backend, cause, received_status, flight_.sent_at,
                             flight_.context->deadlines.clock().now());
  if (flight_.client->is_committed()) {
    tally.add(observe::Event::cut, cause);
    return over(cause, Ending::abort);
  }
  if (goes_on_hedged()) return;
  flight_.client->discard_head();
  has_drain_header_ = is_last_response_ = switches_late_ = false;
  flight_.status = 0;
  flight_.sent = 0;
  const bool again = may_retry({.nothing_sent = taken_nothing,
                                .idempotent = may_replay_,
                                .non_idempotent_allowed = flight_.settings->retry.non_idempotent,
                                .body_replayable = body_.is_replayable(),
                                .timed_out = error.code == ErrorCode::timed_out && !was_bounded,
                                .attempts = flight_.attempts,
                                .attempts_allowed = flight_.settings->retry.attempts});
  if (!again) return reply(cause, {}, received_status);
  if (taken_nothing) --flight_.attempts;  // The backend has read nothing: as after a refused connection.
  if (!stale && !flight_.pool->retry_budget().take(flight_.context->deadlines.clock().now())) {
    return reply(Cause::retry_budget, {}, received_status);
  }
  flight_.failed_at = &tally;
  flight_.failed_by = cause;
  pick_backend();
}

void Exchange::on_deadline() {
  const Error error{.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream};
  if (!upstream_ && goes_on_hedged()) return hedge_failed(error);
  if (!upstream_) {
    wait_.cancel();
    return connect_failed(error);
  }
  if (waits_for_client()) return arm_response_deadline();
  attempt_failed(error);
}

/// The backend is not to blame then; the client has timeouts of its own.
bool Exchange::waits_for_client() const {
  return download_.is_running() ? download_.is_blocked() : body_.waits_for_client();
}

void Exchange::client_gone(const Error& error) {
  over(error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::client_gone, Ending::abort);
}

// ---- the end

/// The response has been read whole. If the request body has not, the client's stream deals with the rest.
void Exchange::release_backend() {
  deadline_.disarm();
  body_.drop();
  wait_.cancel();
  if (response_->has(http::FieldName::keep_alive)) {
    lease_->backend().says_keep_alive(response_->find(http::FieldName::keep_alive));
  }
  if (is_clients_alone()) {
    if (!is_last_response_) keep_for_client();
  } else if (!is_last_response_) {
    lease_->backend().give_back(std::move(upstream_));
  }
  upstream_.reset();
  lease_.reset();
}

void Exchange::drop_attempt() {
  stop_hedge();
  deadline_.disarm();
  client_look_.disarm();
  wait_.cancel();
  body_.stop();
  download_.stop();
  if (held_) held_->stop();
  upstream_.reset();
  lease_.reset();
}

void Exchange::reply(Cause cause, std::string_view explanation, int received_status) {
  if (flight_.request_id.empty()) {  // It ended before it got an id.
    flight_.is_trusted_client = is_trusted(config().forwarding, flight_.client->client().address);
    flight_.choose_request_id();
  }
  const StatusFacts facts{.cause = cause,
                          .details = explanation,
                          .next_hop = flight_.was_tried ? &flight_.backend : nullptr,
                          .received_status = received_status};
  answer(error_reply(config(), facts, flight_.request_id));
}

void Exchange::answer(const LocalReply& reply) {
  drop_attempt();
  body_.drop();
  flight_.cause = reply.cause;
  flight_.status = reply.status;
  const wire::OwnSent own = flight_.client->send_own(reply.response());
  flight_.sent = own.content_size;
  if (own.flow == Flow::blocked) return flush();
  over(reply.cause, Ending::finish);
}

void Exchange::stop() {
  end(Cause::stopped);
  drop_attempt();
  body_.drop();
}

void Exchange::over(Cause cause, Ending ending) {
  end(cause);
  drop_attempt();
  body_.drop();
  owner_.on_exchange_over(ending);
}

std::string_view Exchange::version() const {
  return lease_ ? std::string_view(lease_->backend().version()) : std::string_view();
}

observe::Tally& Exchange::tally() const {
  return flight_.tally(version());
}

/// The only place where an exchange gets its outcome.
void Exchange::end(Cause cause) {
  flight_.end({.cause = cause, .version = version(), .is_cut = lease_ && flight_.client->is_committed()});
}

// ---- reports

std::string Exchange::backend() const {
  return lease_ ? lease_->backend().address().text() : std::string();
}

bool Exchange::is_at(const upstream::BackendState& backend) const {
  const auto leads_there = [&](const upstream::Lease& lease) {
    return lease.backend().state().get() == &backend;
  };
  return (lease_ && leads_there(*lease_)) || (hedge_ && hedge_->lease && leads_there(*hedge_->lease)) ||
         body_.is_at(backend);
}

std::string_view Exchange::phase() const {
  if (flight_.client->is_committed()) return "response";
  if (!lease_) return "queued";
  if (!upstream_) return "connecting";
  return body_.is_sending() ? "upload" : "waiting";
}

}  // namespace sluice::proxy
