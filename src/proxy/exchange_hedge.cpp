// Hedged requests: a request that takes long is sent to a second backend, too, and the first answer counts.
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>

#include <algorithm>
#include <utility>

#include "proxy/cause_of.h"
#include "proxy/hedge.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Follows;

/// Only where two deliveries at the same time are as good as one, by the method, and only the head has to be
/// sent. Permission to send a request again once an attempt has failed promises less. A client that sticks to
/// a backend would lose it.
void Exchange::arm_hedge() {
  if (logs_in_ || is_clients_own_) return;  // The backend knows the client by this connection.
  const auto& request = flight_.client->request();
  if (!request.is_idempotent() || !upgrade_.empty() || request.framing.has_body()) return;
  if (flight_.settings->balance.policy == config::BalancePolicy::sticky_cookie) return;
  if (flight_.attempts >= flight_.settings->retry.attempts) return;
  if (!hedge_) {
    hedge_ = std::make_unique<Hedge>(
        [this] { start_hedge(); },
        [this] { hedge_failed({.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream}); });
  }
  flight_.context->deadlines.arm(hedge_->due, flight_.settings->retry.hedge);
}

void Exchange::start_hedge() {
  if (upstream_->has_answered()) return;
  auto tried = tried_;
  tried.push_back(&lease_->backend());
  auto lease = flight_.pool->try_pick({.tried = tried, .key = key_});
  if (!lease || std::ranges::find(tried, &lease->backend()) != tried.end()) return;
  const TimePoint now = flight_.context->deadlines.clock().now();
  if (!flight_.pool->retry_budget().take(now)) return;
  ++flight_.attempts;
  hedge_->beside = &tally();
  hedge_->lease = std::move(lease);
  upstream::Backend& backend = hedge_->lease->backend();
  if (flight_.settings->proxy_protocol == config::ProxyProtocol::none) hedge_->stream = backend.take_idle();
  if (hedge_->stream) return send_hedge();
  hedge_->dialed = now;
  flight_.context->deadlines.arm(hedge_->connect_bound, flight_.settings->timeouts.connect);
  hedge_->wait = flight_.context->dialer.dial(backend.address(),
                                              [this](Result<std::unique_ptr<wire::ClientStream>> connection) {
                                                hedge_->connect_bound.disarm();
                                                if (!connection) return hedge_failed(connection.error());
                                                hedge_->stream = *std::move(connection);
                                                send_preface(*hedge_->stream);
                                                send_hedge();
                                              });
}

void Exchange::send_hedge() {
  flight_.context->counters.retries.add();
  hedge_->beside->add(observe::Event::retried, Cause::hedged);
  hedge_->sent = flight_.context->deadlines.clock().now();
  if (!upstream_) arm_hedge_deadline();
  hedge_->stream->send_head(flight_.client->request(), forwarding(hedge_->lease->backend().address()),
                            Follows::nothing_yet);
  hedge_->wait = hedge_->stream->read_head([this](Result<const http::ResponseHead*> head) {
    if (!head) return hedge_failed(head.error());
    if (upstream_)
      end_attempt_beside(flight_.backend, flight_.trace.dialed(), flight_.sent_at, Cause::hedged);
    take_hedge();
    on_head(std::move(head));
  });
}

/// While the first attempt goes on the request loses nothing. Else this was its only attempt.
void Exchange::hedge_failed(const Error& error) {
  const bool was_sent = hedge_->stream != nullptr;
  if (!upstream_) {
    take_hedge();
    return was_sent ? attempt_failed(error) : connect_failed(error);
  }
  upstream::Backend& backend = hedge_->lease->backend();
  const Cause cause = was_sent ? cause_of_attempt(error, 0) : cause_of_connect(error);
  end_attempt_beside(backend.address(), hedge_->dialed, hedge_->sent, cause);
  if (!was_sent) --flight_.attempts;  // As of any connect that fails.
  if (!was_sent && cause != Cause::no_descriptors) backend.connect_failed(cause);
  if (was_sent && !hedge_->stream->is_reused()) backend.connection_broke(cause);
  hedge_->stop();
}

/// One of two attempts is over; the other goes on.
void Exchange::end_attempt_beside(const Address& backend, TimePoint dialed, TimePoint sent, Cause cause) {
  const bool was_dialed = dialed != TimePoint();
  flight_.trace.attempt_ended_beside({.backend = backend,
                                      .cause = cause,
                                      .dialed = was_dialed,
                                      .began = was_dialed ? dialed : sent,
                                      .ended = flight_.context->deadlines.clock().now()});
}

/// From now on the second attempt is the only one.
void Exchange::take_hedge() {
  std::unique_ptr<Hedge> hedge = std::move(hedge_);
  drop_attempt();
  lease_ = std::move(hedge->lease);
  upstream_ = std::move(hedge->stream);
  flight_.backend = lease_->backend().address();
  flight_.sent_at = hedge->sent;
  flight_.trace.attempt_begins();
  if (hedge->dialed != TimePoint()) flight_.trace.dials(hedge->dialed);
  if (upstream_) arm_response_deadline();
  hedge->stop();
  hedge_ = std::move(hedge);
}

/// The first attempt is over; true when there is a second one that goes on.
bool Exchange::goes_on_hedged() {
  if (!hedge_) return false;
  if (!hedge_->is_under_way()) {
    hedge_->stop();
    return false;
  }
  arm_hedge_deadline();
  return true;
}

/// The second attempt is the only one: it has the bounds that the first one had. A connect has its own.
void Exchange::arm_hedge_deadline() {
  Duration bound = flight_.settings->timeouts.response;
  if (hedge_->stream && may_cut_attempts()) bound = std::min(bound, flight_.settings->retry.attempt_timeout);
  flight_.context->deadlines.arm(deadline_, bound);
}

void Exchange::stop_hedge() {
  if (hedge_) hedge_->stop();
}

/// The first attempt has answered.
void Exchange::end_hedge() {
  if (!hedge_) return;
  if (hedge_->is_under_way()) {
    end_attempt_beside(hedge_->lease->backend().address(), hedge_->dialed, hedge_->sent, Cause::hedged);
  }
  hedge_->stop();
}

}  // namespace sluice::proxy
