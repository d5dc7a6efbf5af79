// The way of a response, from a backend to the client; what becomes of attempts that fail; and the end.
#include <sluice/base/text.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/retry.h>
#include <sluice/upstream/affinity.h>

#include <algorithm>
#include <utility>

#include "proxy/access.h"
#include "proxy/answers.h"
#include "proxy/drain_header.h"
#include "proxy/hedge.h"
#include "proxy/held_response.h"
#include "proxy/partial_post.h"
#include "proxy/trust.h"

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
  stop_expecting();
  arm_response_deadline();
  if ((*head)->status == 101) return start_tunnel(**head);
  if (is_given_back(**head)) return take_back(**head);
  if (!(*head)->is_interim()) return send_response(**head);
  if (++interims_ > kMostInterims) {
    return attempt_failed({.code = ErrorCode::malformed,
                           .message = "too many interim responses",
                           .origin = Origin::upstream,
                           .status = 502});
  }
  client_->send_interim(**head, &rules_->response);
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> next) { on_head(std::move(next)); });
}

void Exchange::send_response(const http::ResponseHead& head) {
  response_ = &head;
  status_ = head.status;
  const bool has_body = head.framing.has_body();
  const bool body_at_once = has_body && upstream_->has_body_in_hand();
  measure(head.status);
  if (!settings_->drain_header.name.empty()) heed_drain_header(head);
  const bool is_held = has_body && hold_response(head);
  Flow flow = Flow::open;
  if (!is_held) flow = begin_response(body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  if (!has_body) return on_response_end({});
  const auto on_piece = [this](std::string_view piece) {
    sent_ += piece.size();
    arm_response_deadline();
  };
  const auto on_done = [this](Result<void> how) { on_response_end(std::move(how)); };
  wire::BodySink& sink = response_sink();
  if (flow == Flow::blocked) return download_.start_blocked(*upstream_, sink, on_piece, on_done);
  download_.start(*upstream_, sink, on_piece, on_done);
}

Flow Exchange::begin_response(Follows follows) {
  return client_->send_head(*response_, response_edits(), follows);
}

/// Whether the response may begin only once it is whole, as far as the buffer goes: until then another
/// attempt may be made.
bool Exchange::hold_response(const http::ResponseHead& head) {
  const auto& retry = settings_->retry;
  if (!retry.hold || !may_replay_ || !body_remembered_) return false;
  if (head.framing.kind == http::Framing::Kind::length && head.framing.length > retry.buffer_bytes) {
    return false;
  }
  if (!held_) held_ = std::make_unique<HeldResponse>();
  held_->start(*client_, retry.buffer_bytes, [this] { begin_response(Follows::body_at_once); });
  return true;
}

wire::BodySink& Exchange::response_sink() {
  if (held_ && held_->is_in_use()) return *held_;
  return *client_;
}

/// An error that comes quickly is no merit.
void Exchange::measure(int status) {
  if (settings_->balance.policy != config::BalancePolicy::random_two || status >= 500) return;
  const TimePoint now = context_->deadlines.clock().now();
  lease_->backend().answered(now, now - sent_at_);
}

/// What a backend says of itself in a response is between it and us.
void Exchange::heed_drain_header(const http::ResponseHead& head) {
  const DrainWord word = drain_word(head, settings_->drain_header.name);
  has_drain_header_ = word != DrainWord::none;
  is_last_response_ = word == DrainWord::drains;
  if (is_last_response_) lease_->backend().said_it_drains();
}

/// The route's, without a drain header, and with a new sticky cookie and Proxy-Status when there is one to be
/// set; null for none.
const http::FieldEdits* Exchange::response_edits() {
  const auto id = pool_->new_sticky_id(lease_->backend(), key_);
  const bool has_status = config().proxy_status.forwarded && (trace_.count() > 0 || trace_.waits() > 0);
  if (!id && !has_status && !has_drain_header_) return rules_->response.empty() ? nullptr : &rules_->response;
  own_edits_ = std::make_unique<http::FieldEdits>(rules_->response);
  if (has_drain_header_) own_edits_->removed.push_back(to_lower(settings_->drain_header.name));
  if (id) own_edits_->added += upstream::set_cookie_line(settings_->balance, *id);
  if (has_status) own_edits_->added += proxy_status();
  return own_edits_.get();
}

/// Of a backend's response: what it took to get it. A member of the backend's own stays before it.
std::string Exchange::proxy_status() const {
  std::string details = concat({"attempts=", std::to_string(trace_.count() + 1)});
  if (trace_.waits() > 0) details += concat({" held_ms=", std::to_string(trace_.held().count())});
  return proxy_status_line(config().proxy_status, {.details = details, .next_hop = &backend_});
}

void Exchange::on_response_end(Result<void> how) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return attempt_failed(error);
  }
  const Flow flow = response_sink().end_body(
      http::forwardable_trailers(upstream_->trailers(), *response_, &rules_->response));
  lease_->backend().answered_whole(status_);
  release_backend();
  cause_ = Cause::ok;
  if (flow == Flow::blocked) return flush();
  over(Cause::ok, Ending::finish);
}

/// The last bytes of the answer are on their way; it counts once they have left.
void Exchange::flush() {
  wait_ = client_->when_writable([this](Result<void> how) {
    if (!how) return client_gone(how.error());
    over(cause_, Ending::finish);
  });
}

// ---- what goes wrong

/// Before the first byte of a response, and only then, another backend may be tried.
void Exchange::attempt_failed(const Error& error) {
  const bool was_bounded = is_attempt_bounded();
  const bool stale =
      upstream_->is_reused() && !upstream_->has_answered() && error.code != ErrorCode::timed_out;
  const bool taken_nothing = stale && upstream_->has_taken_nothing();
  const int received_status = status_;
  const Cause cause = cause_of_attempt(error, received_status);
  observe::Tally& tally = this->tally();             // Of the backend that it still has.
  std::unique_ptr<Hedge> hedge = std::move(hedge_);  // Goes on.
  if (stale) {
    fresh_only_ = true;
    drop_attempt();
  } else {
    lease_->backend().connection_broke(cause);
    forget_backend();
  }
  hedge_ = std::move(hedge);
  trace_.attempt_ends(backend_, cause, received_status, sent_at_, context_->deadlines.clock().now());
  if (client_->is_committed()) {
    tally.add(observe::Event::cut, cause);
    return over(cause, Ending::abort);
  }
  if (goes_on_hedged()) return;
  client_->take_back_head();
  has_drain_header_ = is_last_response_ = false;
  status_ = 0;
  sent_ = 0;
  const bool again = may_retry({.nothing_sent = taken_nothing,
                                .stale_connection = stale,
                                .idempotent = may_replay_,
                                .non_idempotent_allowed = settings_->retry.non_idempotent,
                                .body_replayable = body_remembered_,
                                .timed_out = error.code == ErrorCode::timed_out && !was_bounded,
                                .attempts = attempts_,
                                .attempts_allowed = settings_->retry.attempts});
  if (!again) return reply(cause, {}, received_status);
  if (stale) --attempts_;
  if (!stale && !pool_->retry_budget().take(context_->deadlines.clock().now())) {
    return reply(Cause::retry_budget, {}, received_status);
  }
  failed_at_ = &tally;
  failed_by_ = cause;
  pick_backend();
}

void Exchange::on_deadline() {
  const Error error{.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream};
  if (is_tunnel_) return close_tunnel(Cause::tunnel_idle);
  if (!upstream_ && goes_on_hedged()) return hedge_failed(error);
  if (!upstream_) {
    wait_.cancel();
    return connect_failed(error);
  }
  if (waits_for_client()) return arm_response_deadline();
  attempt_failed(error);
}

/// That is not the backend's to answer for; the client has timeouts of its own.
bool Exchange::waits_for_client() const {
  const bool is_uploading = upload_.is_running() && !upload_.is_blocked() && !continue_awaited_;
  return download_.is_running() ? download_.is_blocked() : is_uploading;
}

void Exchange::on_side_deadline() {
  if (is_tunnel_) return close_tunnel(Cause::tunnel_drained);
  if (trace_.is_waiting()) return look_for_client();
  continue_awaited_ = false;
  client_->send_continue();
}

void Exchange::client_gone(const Error& error) {
  over(error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::client_gone, Ending::abort);
}

// ---- the end

/// The response has been read whole. A request body that was not is left to the client's stream to deal with.
void Exchange::release_backend() {
  deadline_.disarm();
  side_deadline_.disarm();
  upload_.stop();
  partial_.reset();
  wait_.cancel();
  if (response_->has(http::FieldName::keep_alive)) {
    lease_->backend().says_keep_alive(response_->find(http::FieldName::keep_alive));
  }
  if (!is_last_response_) lease_->backend().give_back(std::move(upstream_));
  upstream_.reset();
  lease_.reset();
}

void Exchange::drop_attempt() {
  stop_hedge();
  if (partial_ && partial_->has_begun) partial_.reset();  // It writes to the attempt.
  deadline_.disarm();
  side_deadline_.disarm();
  drain_notice_.drop();
  wait_.cancel();
  upload_.stop();
  download_.stop();
  if (held_) held_->stop();
  upstream_.reset();
  lease_.reset();
}

void Exchange::reply(Cause cause, std::string_view explanation, int received_status) {
  if (request_id_.empty()) {  // Its way ended before it got one.
    is_trusted_client_ = is_trusted(config().forwarding, client_->client().address);
    choose_request_id();
  }
  const StatusFacts facts{.cause = cause,
                          .details = explanation,
                          .next_hop = was_tried_ ? &backend_ : nullptr,
                          .received_status = received_status};
  const std::string fields = answer_fields(config(), facts, request_id_);
  answer(error_answer(config(), cause, explanation, fields), cause);
}

void Exchange::answer(const http::OwnResponse& response, Cause cause) {
  drop_attempt();
  partial_.reset();
  cause_ = cause;
  status_ = response.status;
  sent_ = response.body.size();
  if (client_->send_own(response) == Flow::blocked) return flush();
  over(cause, Ending::finish);
}

void Exchange::stop() {
  count(Cause::stopped);
  drop_attempt();
  partial_.reset();
}

void Exchange::over(Cause cause, Ending ending) {
  count(cause);
  drop_attempt();
  partial_.reset();
  const OnOver on_over = std::move(on_over_);
  on_over(ending);
}

/// The one place in which an exchange comes to its disposition.
void Exchange::count(Cause cause) {
  cause_ = cause;
  const observe::Disposition disposition = entry(cause).disposition;
  context_->counters.end(disposition);
  if (disposition != observe::Disposition::ok) note_failure(cause);
  if (context_->access.is_on()) log_access();
  if (context_->recent.is_on()) record();
}

void Exchange::log_access() {
  const auto& request = client_->request();
  const std::string backend = was_tried_ ? backend_.text() : std::string();
  const std::string client = is_trusted_client_ ? original_client(config(), *client_) : client_->client().ip;
  observe::AccessRecord record = access_record(request);
  record.client = client;
  record.request_id = request_id_;
  if (pool_) record.pool = pool_->name();
  record.backend = backend;
  record.reason = name(cause_);
  record.disposition = entry(cause_).disposition;
  record.status = status_;
  record.sent = sent_;
  record.received = received_;
  record.generation = number_;
  record.attempts = attempts_;
  record.took = context_->deadlines.clock().now() - started_;
  context_->access.write(record);
}

void Exchange::clear() {
  drop_attempt();
  partial_.reset();
  on_over_ = nullptr;
  on_tunnel_ = nullptr;
  pool_.reset();
  settings_.reset();
  route_ = nullptr;
  rules_ = nullptr;
  kept_rules_.reset();
  tried_.clear();
  trace_.clear();
  target_.clear();
  replay_.clear();
  upgrade_ = request_id_ = {};
  cause_ = {};
  attempts_ = interims_ = 0;
  sent_ = received_ = 0;
  status_ = 0;
  key_.reset();
  own_edits_.reset();
  continue_awaited_ = false;
  has_drain_header_ = is_last_response_ = has_head_ = false;
  waited_ = {};
  failed_at_ = nullptr;
  was_tried_ = fresh_only_ = may_replay_ = body_ended_ = is_trusted_client_ = false;
  is_tunnel_ = tunnel_up_ended_ = tunnel_down_ended_ = false;
  body_remembered_ = true;
  hook.unlink();
  pass_.reset();  // Last: the generation may end with it.
}

}  // namespace sluice::proxy
