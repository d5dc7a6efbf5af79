// A tunnel: its beginning, its end, and how it goes from one owner to the next.
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>

#include <algorithm>
#include <utility>

#include "proxy/cause_of.h"
#include "proxy/trust.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

/// From here on the two connections carry bytes to each other, in flight until both directions have ended;
/// nothing but bytes is known of them.
void Exchange::start_tunnel(const http::ResponseHead& head) {
  if (!http::accepts_upgrade(head, upgrade_)) {
    return attempt_failed({.code = ErrorCode::unsupported,
                           .message = "the backend switched to another protocol than was asked for",
                           .origin = Origin::upstream,
                           .status = 502});
  }
  response_ = &head;
  // The body is whole once on_upload_done() has run. A client that waits for a 100 would never send it.
  switches_late_ = upload_.is_running() || partial_ != nullptr;
  if (switches_late_) return flight_.client->send_continue();
  upstream_->switch_protocols();
  if (!flight_.settings->drain_header.name.empty()) heed_drain_header(head);
  const Flow flow = flight_.client->switch_protocols(head, response_edits());
  lease_->backend().answered_whole(101);
  be_tunnel();
  if (!on_tunnel_) return start_pumps(flow);
  start_pumps(Flow::blocked);
  std::exchange(on_tunnel_, nullptr)();
}

void Exchange::be_tunnel() {
  is_tunnel_ = true;
  flight_.status = 101;
  flight_.cause = Cause::tunnel;
  lease_->backend().subscribe_drain(drain_subscription_);
  arm_retire_bound();
  arm_response_deadline();
}

/// The first direction starts by itself in a moment, so that the second may call out.
void Exchange::start_pumps(Flow flow) {
  const auto on_up = [this](std::string_view piece) {
    flight_.received += piece.size();
    arm_response_deadline();
  };
  const auto on_piece = [this](std::string_view piece) {
    flight_.sent += piece.size();
    arm_response_deadline();
  };
  upload_.start_blocked(*flight_.client, *upstream_, on_up, [this](Result<void> how) {
    on_tunnel_end(std::move(how), *upstream_, tunnel_up_ended_);
  });
  const auto on_down_end = [this](Result<void> how) {
    on_tunnel_end(std::move(how), *flight_.client, tunnel_down_ended_);
  };
  if (flow == Flow::blocked)
    return download_.start_blocked(*upstream_, *flight_.client, on_piece, on_down_end);
  download_.start(*upstream_, *flight_.client, on_piece, on_down_end);
}

/// One direction has ended: the other side sees the end, and may go on in its own direction.
void Exchange::on_tunnel_end(Result<void> how, wire::BodySink& sink, bool& ended) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return over(cause_of_attempt(error, flight_.status), Ending::abort);
  }
  ended = true;
  const Flow flow = sink.end_body({});
  arm_tunnel_deadline();
  if (!tunnel_up_ended_ || !tunnel_down_ended_) return;
  if (flow == Flow::open) return over(Cause::tunnel, Ending::finish);
  wait_ = sink.when_writable([this](Result<void> flushed) {
    if (flushed) return over(Cause::tunnel, Ending::finish);
    if (flushed.error().origin == Origin::downstream) return client_gone(flushed.error());
    over(cause_of_attempt(flushed.error(), flight_.status), Ending::abort);
  });
}

/// A side that has ended its direction may be gone, and the other side may never learn it.
void Exchange::arm_tunnel_deadline() {
  const auto& timeouts = config().timeouts;
  const bool is_half_closed = tunnel_up_ended_ || tunnel_down_ended_;
  const Duration bound =
      is_half_closed ? std::min(timeouts.tunnel_half_closed, timeouts.tunnel) : timeouts.tunnel;
  flight_.context->deadlines.arm(deadline_, bound);
}

/// Says to both sides that nothing more comes.
void Exchange::close_tunnel(Cause cause) {
  upload_.stop();
  download_.stop();
  if (!tunnel_up_ended_) upstream_->end_body({});
  if (!tunnel_down_ended_) flight_.client->end_body({});
  over(cause, Ending::finish);
}

void Exchange::on_drain_signal(upstream::DrainSubscription::Says word) {
  if (word == upstream::DrainSubscription::Says::is_back) return drain_bound_.deadline.disarm();
  drain_bound_.arm(flight_.context->deadlines, flight_.settings->timeouts.tunnel_drain);
}

void Exchange::retire(std::optional<TimePoint> tunnel_ends) {
  on_tunnel_ = nullptr;
  retires_at_ = tunnel_ends;
  if (is_tunnel_) arm_retire_bound();
}

/// The time before it became a tunnel counts. A tunnel that has no time left ends in a later turn.
void Exchange::arm_retire_bound() {
  if (!retires_at_) return retire_bound_.deadline.disarm();
  const Duration left = *retires_at_ - flight_.context->deadlines.clock().now();
  retire_bound_.arm(flight_.context->deadlines, std::max(left, Duration{1}));
}

void Exchange::stay() {
  on_tunnel_ = nullptr;
  retires_at_.reset();
  retire_bound_.deadline.disarm();
}

/// Until a drain or the end of its listener cuts it; nothing when neither is to come.
std::optional<Duration> Exchange::time_left() const {
  std::optional<TimePoint> first;
  for (const TunnelBound* bound : {&drain_bound_, &retire_bound_}) {
    if (bound->deadline.is_armed() && (!first || bound->at < *first)) first = bound->at;
  }
  if (!first) return std::nullopt;
  return std::max(*first - flight_.context->deadlines.clock().now(), Duration::zero());
}

// ---- to another owner

/// A tunnel that is to end, since its backend drains or both its directions have ended, ends here.
std::optional<Exchange::LeftTunnel> Exchange::leave_tunnel() {
  const bool is_ending = (tunnel_up_ended_ && tunnel_down_ended_) || drain_subscription_.is_told();
  if (!is_tunnel_ || is_ending) return std::nullopt;
  auto client = flight_.client->leave_tunnel();
  if (!client) return std::nullopt;
  auto backend = upstream_->leave_tunnel();
  if (!backend) return std::nullopt;
  const Duration age = flight_.context->deadlines.clock().now() - flight_.started;
  LeftTunnel left{
      .record = {.head = std::string(flight_.client->request().bytes()),
                 .pool = flight_.pool->name(),
                 .backend = lease_->backend().address(),
                 .request_id = std::string(flight_.request_id),
                 .sent = flight_.sent - std::min<uint64_t>(flight_.sent, client->unsent.size()),
                 .received = flight_.received - std::min<uint64_t>(flight_.received, backend->unsent.size()),
                 .age_ms = static_cast<uint64_t>(age.count()),
                 .attempts = static_cast<unsigned>(flight_.attempts_begun()),
                 .up = std::move(backend->unsent),
                 .down = std::move(client->unsent)},
      .client = std::move(client->connection),
      .backend = std::move(backend->connection)};
  left.record.up += client->read;
  left.record.down += backend->read;
  flight_.context->counters.left.add();
  return left;
}

/// Bytes that were under way count as just read: the pumps deliver them, and the ends of both sides, once
/// more.
Result<void> Exchange::go_on(ExchangeContext& context, wire::ServerStream& client,
                             LocalGeneration& generation, unsigned worker,
                             const std::shared_ptr<upstream::Pool>& pool, const TunnelState& record,
                             net::Descriptor backend, OnOver on_over) {
  flight_.begin(context, client, generation, worker);
  generation.inside.push_back(*this);
  flight_.pool = pool;
  flight_.settings = pool->config();
  lease_ = pool->lease_on(record.backend);
  if (!lease_) return Error{.code = ErrorCode::not_found, .message = "its backend is gone"};
  auto upstream = context.dialer.adopt_tunnel(std::move(backend), record.down);
  if (!upstream) return std::move(upstream).error();
  upstream_ = *std::move(upstream);
  on_over_ = std::move(on_over);
  flight_.started = context.deadlines.clock().now() - Duration(record.age_ms);
  flight_.backend = record.backend;
  flight_.was_tried = true;
  flight_.attempts = record.attempts;
  flight_.sent = record.sent;
  flight_.received = record.received;
  flight_.is_trusted_client = is_trusted(config().forwarding, client.client().address);
  flight_.request_id = client.request().find(http::FieldName::x_request_id);
  if (flight_.request_id != record.request_id) {
    const size_t size = record.request_id.copy(flight_.made_id.data(), flight_.made_id.size());
    flight_.request_id = std::string_view(flight_.made_id.data(), size);
  }
  be_tunnel();
  start_pumps(Flow::blocked);
  return {};
}

}  // namespace sluice::proxy
