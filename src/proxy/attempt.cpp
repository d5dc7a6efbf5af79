#include <sluice/http/connection_login.h>
#include <sluice/proxy/attempt.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/request_body.h>

#include <algorithm>
#include <utility>

#include "proxy/drain_header.h"
#include "proxy/login_connections.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {

using wire::Flow;
using wire::Follows;

namespace {

constexpr uint64_t kMostOfOnce = 8192;
constexpr unsigned kMostInterims = 100;

}  // namespace

bool RequestPlan::is_body_replayable() const {
  return body == nullptr || body->is_replayable();
}

Attempt::Attempt(InFlight& flight, const RequestPlan& plan, AttemptOwner& owner, upstream::Lease lease)
    : flight_(flight), plan_(plan), body_(plan.body), owner_(owner), lease_(std::move(lease)) {}

Attempt::~Attempt() = default;

AttemptRecord Attempt::record(observe::Cause cause, int status) const {
  return attempt_record(address(), cause, status, dialed_, sent_, flight_.context->deadlines.clock().now());
}

// ---- the connection

upstream::StreamRequest Attempt::stream_request(bool may_be_repeated) const {
  return {.may_be_repeated = may_be_repeated,
          .unproven = flight_.settings->retry.trust_idle,
          .proxy_protocol = flight_.settings->proxy_protocol,
          .client = &flight_.client->client()};
}

bool Attempt::take_connection(Reuse reuse) {
  if (reuse.with_login && plan_.logins != nullptr && !plan_.logins->is_empty()) {
    stream_ = plan_.logins->take(*flight_.pool, backend(), reuse.may_be_repeated);
  }
  if (!stream_ && !reuse.fresh_only) {
    stream_ = backend().connections().try_stream(stream_request(reuse.may_be_repeated));
  }
  return stream_ != nullptr;
}

void Attempt::dial() {
  dialed_ = flight_.context->deadlines.clock().now();
  flight_.context->deadlines.arm(deadline_, flight_.settings->timeouts.connect);
  wait_ = backend().connections().open_stream(
      stream_request(false), [this](Result<upstream::StreamPtr> stream) { on_stream(std::move(stream)); });
}

void Attempt::on_stream(Result<upstream::StreamPtr> stream) {
  deadline_.disarm();
  if (!stream) return fail(std::move(stream).error());
  stream_ = *std::move(stream);
  send();
}

// ---- the request

http::RequestForwarding Attempt::forwarding() {
  const auto& client = flight_.client->client();
  std::string_view host = flight_.route->rewrite_host;
  if (host.empty() && flight_.client->request().host().empty()) {  // HTTP/1.1 wants one (RFC 9112 3.2).
    host_ = address().is_local() ? "localhost" : address().text();
    host = host_;
  }
  return {.client_ip = client.ip,
          .client_is_trusted = flight_.is_trusted_client,
          .port = client.local.port(),
          .request_id = flight_.request_id,
          .say_forwarded = flight_.config().forwarding.say_forwarded,
          .target = plan_.target,
          .host = host,
          .upgrade = plan_.upgrade,
          .close = !flight_.settings->keep_alive,
          .edits = flight_.rules->request.empty() ? nullptr : &flight_.rules->request};
}

void Attempt::send() {
  sent_ = flight_.context->deadlines.clock().now();
  owner_.on_sending(*this);
  const Flow flow = stream_->send_head(
      flight_.client->request(), forwarding(),
      body_ != nullptr && body_->is_at_hand() ? Follows::body_at_once : Follows::nothing_yet);
  restart_deadline();
  read_head();
  if (body_ != nullptr) body_->send_to(*stream_, flow, most_remembered());
}

/// A request that may be done only once is sent again when the backend had closed the connection before it
/// came. That is rare: large bodies are not copied for it.
uint64_t Attempt::most_remembered() const {
  const uint64_t most = flight_.settings->retry.buffer_bytes;
  if (plan_.may_replay) return most;
  return is_reused() ? std::min(most, kMostOfOnce) : 0;
}

// ---- the response

void Attempt::read_head() {
  wait_ = stream_->read_head([this](Result<const http::ResponseHead*> head) { on_head(std::move(head)); });
}

void Attempt::on_head(Result<const http::ResponseHead*> head) {
  if (!head) return fail(std::move(head).error());
  has_head_ = true;
  restart_deadline();
  if (!(*head)->is_interim() || (*head)->status == 101) return owner_.on_head(*this, **head);
  if (++interims_ > kMostInterims) {
    return fail({.code = ErrorCode::malformed,
                 .message = "too many interim responses",
                 .origin = Origin::upstream,
                 .status = 502});
  }
  owner_.on_interim(*this, **head);
  read_head();
}

/// A backend that answers errors quickly is not quick.
void Attempt::measure(int status) {
  if (flight_.settings->balance.policy != config::BalancePolicy::random_two || status >= 500) return;
  const TimePoint now = flight_.context->deadlines.clock().now();
  backend().answered(now, now - sent_);
}

bool Attempt::heed_drain_header(const http::ResponseHead& head) {
  const std::string& field = flight_.settings->drain_header.name;
  if (field.empty()) return false;
  const DrainSignal word = drain_signal(head, field);
  is_last_ = word == DrainSignal::drains;
  if (is_last_) backend().signalled_drain();
  return word != DrainSignal::none;
}

void Attempt::restart_deadline() {
  flight_.context->deadlines.arm(deadline_, is_bounded() ? flight_.settings->retry.attempt_timeout
                                                         : flight_.settings->timeouts.response);
}

/// No head has come (perhaps bytes of one), and another attempt may be made when this takes longer than an
/// attempt should, which is less than a backend may take.
bool Attempt::is_bounded() const {
  const config::Retry& retry = flight_.settings->retry;
  const bool is_less = retry.attempt_timeout < flight_.settings->timeouts.response;
  if (has_head_ || retry.attempt_timeout == Duration::zero() || !is_less) return false;
  return plan_.may_replay && plan_.is_body_replayable() && flight_.attempts < retry.attempts;
}

void Attempt::on_deadline() {
  if (stream_ && owner_.waits_for_client()) return restart_deadline();
  fail({.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream});
}

// ---- the end

void Attempt::fail(Error error) {
  AttemptOutcome outcome{
      .error = std::move(error), .was_connected = stream_ != nullptr, .was_cut = is_bounded()};
  if (stream_) {
    const bool is_late = outcome.error.code == ErrorCode::timed_out;
    outcome.is_stale = is_reused() && !stream_->has_answered() && !is_late;
    outcome.has_taken_nothing = outcome.is_stale && stream_->has_taken_nothing();
    if (outcome.is_stale) backend().connections().closed_when_reused();
  }
  owner_.on_attempt_over(*this, std::move(outcome));
}

void Attempt::finish(const http::ResponseHead& response, bool keep) {
  deadline_.disarm();
  wait_.cancel();
  upstream::Connections& connections = backend().connections();
  connections.heed(response);
  // Another client's request on this connection could be taken for this client's.
  const bool is_clients_alone =
      is_clients_own() || plan_.logs_in || http::asks_for_connection_login(response);
  if (!keep) {
    stream_.reset();
  } else if (!is_clients_alone) {
    connections.give_back(std::move(stream_));
  } else if (plan_.logins != nullptr && flight_.settings->keep_alive) {
    plan_.logins->keep(flight_.pool, lease_.shared_backend(), std::move(stream_),
                       flight_.settings->timeouts.idle);
  }
}

TunnelBackend Attempt::release() {
  deadline_.disarm();
  wait_.cancel();
  return {.lease = std::move(lease_), .stream = std::move(stream_)};
}

}  // namespace sluice::proxy
