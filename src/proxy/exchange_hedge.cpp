// Hedged requests: what takes long is asked of a second backend, too, and the first answer counts.
#include <sluice/proxy/exchange.h>

#include <algorithm>
#include <utility>

#include "proxy/answers.h"
#include "proxy/hedge.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Follows;

/// Only where two deliveries at the same time are as good as one, and nothing but the head is to be sent: the
/// method says so. That a request may be sent again, once an attempt has failed, is less. A client that
/// sticks to a backend would lose it.
void Exchange::arm_hedge() {
  const auto& request = client_->request();
  if (!request.is_idempotent() || !upgrade_.empty() || request.framing.has_body()) return;
  if (settings_->balance.policy == config::BalancePolicy::sticky_cookie) return;
  if (attempts_ >= settings_->retry.attempts) return;
  if (!hedge_) {
    hedge_ = std::make_unique<Hedge>(
        [this] { start_hedge(); },
        [this] { hedge_failed({.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream}); });
  }
  context_->deadlines.arm(hedge_->due, settings_->retry.hedge);
}

void Exchange::start_hedge() {
  if (upstream_->has_answered()) return;
  auto tried = tried_;
  tried.push_back(&lease_->backend());
  auto lease = pool_->try_pick({.tried = tried, .key = key_});
  if (!lease || std::ranges::find(tried, &lease->backend()) != tried.end()) return;
  const TimePoint now = context_->deadlines.clock().now();
  if (!pool_->retry_budget().take(now)) return;
  ++attempts_;
  hedge_->beside = &tally();
  hedge_->lease = std::move(lease);
  upstream::Backend& backend = hedge_->lease->backend();
  if (settings_->proxy_protocol == config::ProxyProtocol::none) hedge_->stream = backend.take_idle();
  if (hedge_->stream) return send_hedge();
  hedge_->dialed = now;
  context_->deadlines.arm(hedge_->connect_bound, settings_->timeouts.connect);
  hedge_->wait = context_->dialer.dial(backend.address(),
                                       [this](Result<std::unique_ptr<wire::ClientStream>> connection) {
                                         hedge_->connect_bound.disarm();
                                         if (!connection) return hedge_failed(connection.error());
                                         hedge_->stream = *std::move(connection);
                                         send_preface(*hedge_->stream);
                                         send_hedge();
                                       });
}

void Exchange::send_hedge() {
  context_->counters.retries.add();
  hedge_->beside->add(observe::Event::retried, Cause::hedged);
  hedge_->sent = context_->deadlines.clock().now();
  if (!upstream_) arm_hedge_deadline();
  hedge_->stream->send_head(client_->request(), forwarding(hedge_->lease->backend().address()),
                            Follows::nothing_yet);
  hedge_->wait = hedge_->stream->read_head([this](Result<const http::ResponseHead*> head) {
    if (!head) return hedge_failed(head.error());
    if (upstream_) end_attempt_beside(backend_, trace_.dialed(), sent_at_, Cause::hedged);
    take_hedge();
    on_head(std::move(head));
  });
}

/// Beside a first attempt that goes on it is nobody's loss. Else it was the only one.
void Exchange::hedge_failed(const Error& error) {
  const bool was_sent = hedge_->stream != nullptr;
  if (!upstream_) {
    take_hedge();
    return was_sent ? attempt_failed(error) : connect_failed(error);
  }
  upstream::Backend& backend = hedge_->lease->backend();
  const Cause cause = was_sent ? cause_of_attempt(error, 0) : cause_of_connect(error);
  end_attempt_beside(backend.address(), hedge_->dialed, hedge_->sent, cause);
  if (!was_sent) --attempts_;  // As of any connect that fails.
  if (!was_sent && cause != Cause::no_descriptors) backend.connect_failed(cause);
  if (was_sent && !hedge_->stream->is_reused()) backend.connection_broke(cause);
  hedge_->stop();
}

/// Of two attempts this one is over, the other goes on.
void Exchange::end_attempt_beside(const Address& backend, TimePoint dialed, TimePoint sent, Cause cause) {
  const bool was_dialed = dialed != TimePoint();
  trace_.attempt_ended_beside({.backend = backend,
                               .cause = cause,
                               .dialed = was_dialed,
                               .began = was_dialed ? dialed : sent,
                               .ended = context_->deadlines.clock().now()});
}

/// From now on the second attempt is the only one.
void Exchange::take_hedge() {
  std::unique_ptr<Hedge> hedge = std::move(hedge_);
  drop_attempt();
  lease_ = std::move(hedge->lease);
  upstream_ = std::move(hedge->stream);
  backend_ = lease_->backend().address();
  sent_at_ = hedge->sent;
  trace_.attempt_begins();
  if (hedge->dialed != TimePoint()) trace_.dials(hedge->dialed);
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
  Duration bound = settings_->timeouts.response;
  if (hedge_->stream && may_cut_attempts()) bound = std::min(bound, settings_->retry.attempt_timeout);
  context_->deadlines.arm(deadline_, bound);
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
