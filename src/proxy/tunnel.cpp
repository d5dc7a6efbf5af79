#include "proxy/tunnel.h"

#include <sluice/proxy/exchange_context.h>

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/cause_of.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

Tunnel::Tunnel(InFlight& flight, TunnelBackend backend, OnOver on_over)
    : flight_(flight),
      on_over_(std::move(on_over)),
      lease_(std::move(backend.lease)),
      backend_(std::move(backend.stream)) {
  flight_.status = 101;
  flight_.cause = Cause::tunnel;
  lease_.backend().subscribe_drain(drain_);
  arm_idle();
}

/// The first direction starts by itself in a moment, so that the second may call out.
void Tunnel::start(Flow to_client) {
  const auto on_up = [this](std::string_view piece) {
    flight_.received += piece.size();
    arm_idle();
  };
  const auto on_down = [this](std::string_view piece) {
    flight_.sent += piece.size();
    arm_idle();
  };
  up_.pump.start(*flight_.client, *backend_, Flow::blocked, on_up,
                 [this](Result<void> how) { on_direction_end(std::move(how), *backend_, up_); });
  down_.pump.start(*backend_, *flight_.client, to_client, on_down,
                   [this](Result<void> how) { on_direction_end(std::move(how), *flight_.client, down_); });
}

/// One direction has ended: the other side sees the end, and may go on in its own direction.
void Tunnel::on_direction_end(Result<void> how, wire::BodySink& sink, Direction& direction) {
  if (!how) return fail(how.error());
  direction.has_ended = true;
  direction.is_kept = sink.end_body(http::kNoFields) == Flow::blocked;
  arm_idle();
  if (up_.has_ended && down_.has_ended) finish_when_sent();
}

/// Both sides get all that the other one has sent, whichever has ended first.
void Tunnel::finish_when_sent() {
  for (auto [direction, sink] : {std::pair<Direction*, wire::BodySink*>(&up_, backend_.get()),
                                 std::pair<Direction*, wire::BodySink*>(&down_, flight_.client)}) {
    if (!std::exchange(direction->is_kept, false)) continue;
    flushed_ = sink->when_writable([this](Result<void> flushed) {
      if (!flushed) return fail(flushed.error());
      finish_when_sent();
    });
    return;
  }
  over(Cause::tunnel, Ending::finish);
}

/// A side that has ended its direction may be gone, and the other side may never learn it.
void Tunnel::arm_idle() {
  const auto& timeouts = flight_.config().timeouts;
  const bool is_half_closed = up_.has_ended || down_.has_ended;
  const Duration bound =
      is_half_closed ? std::min(timeouts.tunnel_half_closed, timeouts.tunnel) : timeouts.tunnel;
  flight_.context->deadlines.arm(idle_, bound);
}

/// Says to both sides that nothing more comes.
void Tunnel::close(Cause cause) {
  up_.pump.stop();
  down_.pump.stop();
  if (!up_.has_ended) backend_->end_body(http::kNoFields);
  if (!down_.has_ended) flight_.client->end_body(http::kNoFields);
  over(cause, Ending::finish);
}

void Tunnel::on_drain_signal(upstream::DrainSubscription::Says word) {
  if (word == upstream::DrainSubscription::Says::is_back) return drain_bound_.deadline.disarm();
  drain_bound_.arm(flight_.context->deadlines, flight_.settings->timeouts.tunnel_drain);
}

/// A tunnel that has no time left ends in a later turn.
void Tunnel::retire_at(std::optional<TimePoint> end) {
  if (!end) return retire_bound_.deadline.disarm();
  const Duration left = *end - flight_.context->deadlines.clock().now();
  retire_bound_.arm(flight_.context->deadlines, std::max(left, Duration{1}));
}

std::optional<Duration> Tunnel::time_left() const {
  std::optional<TimePoint> first;
  for (const Bound* bound : {&drain_bound_, &retire_bound_}) {
    if (bound->deadline.is_armed() && (!first || bound->at < *first)) first = bound->at;
  }
  if (!first) return std::nullopt;
  return std::max(*first - flight_.context->deadlines.clock().now(), Duration::zero());
}

bool Tunnel::is_at(const upstream::BackendState& backend) const {
  return lease_.backend().state().get() == &backend;
}

std::optional<SuspendedTunnel> Tunnel::suspend() {
  if ((up_.has_ended && down_.has_ended) || drain_.is_told()) return std::nullopt;
  auto client = flight_.client->suspend_tunnel();
  if (!client) return std::nullopt;
  auto backend = backend_->suspend_tunnel();
  if (!backend) return std::nullopt;
  const Duration age = flight_.context->deadlines.clock().now() - flight_.started;
  SuspendedTunnel left{
      .state = {.head = flight_.client->request().text(),
                .pool = flight_.pool->name(),
                .backend = lease_.backend().address(),
                .request_id = std::string(flight_.request_id),
                .sent = flight_.sent - std::min<uint64_t>(flight_.sent, client->unsent.size()),
                .received = flight_.received - std::min<uint64_t>(flight_.received, backend->unsent.size()),
                .age_ms = static_cast<uint64_t>(age.count()),
                .attempts = static_cast<unsigned>(flight_.attempts_begun()),
                .up = std::move(backend->unsent),
                .down = std::move(client->unsent)},
      .client = std::move(client->connection),
      .backend = std::move(backend->connection)};
  left.state.up += client->read;
  left.state.down += backend->read;
  flight_.context->counters.left.add();
  return left;
}

// ---- the end

void Tunnel::client_gone(const Error& error) {
  over(error.code == ErrorCode::timed_out ? Cause::client_timeout : Cause::client_gone, Ending::abort);
}

/// A connection broke.
void Tunnel::fail(const Error& error) {
  if (error.origin == Origin::downstream) return client_gone(error);
  over(cause_of_attempt(error, flight_.status), Ending::abort);
}

void Tunnel::over(Cause cause, Ending ending) {
  end(cause);
  const OnOver on_over = std::move(on_over_);
  on_over(ending);
}

void Tunnel::end(Cause cause) {
  flight_.end({.cause = cause, .version = lease_.backend().version(), .is_cut = true});
}

}  // namespace sluice::proxy
