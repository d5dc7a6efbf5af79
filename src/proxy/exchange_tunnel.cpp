// A tunnel: its beginning, its end, and how it goes from one owner to the next.
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>

#include <algorithm>
#include <utility>

#include "proxy/answers.h"
#include "proxy/trust.h"

namespace sluice::proxy {

using observe::Cause;
using wire::Flow;

/// From here on both connections are each other's, in flight until both directions have ended: bytes are all
/// that is known of them.
void Exchange::start_tunnel(const http::ResponseHead& head) {
  if (!http::accepts_upgrade(head, upgrade_)) {
    return attempt_failed({.code = ErrorCode::unsupported,
                           .message = "the backend switched to another protocol than was asked for",
                           .origin = Origin::upstream,
                           .status = 502});
  }
  upstream_->switch_protocols();
  if (!settings_->drain_header.name.empty()) heed_drain_header(head);
  const Flow flow = client_->switch_protocols(head, response_edits());
  lease_->backend().answered_whole(101);
  be_tunnel();
  if (!on_tunnel_) return start_pumps(flow);
  start_pumps(Flow::blocked);
  std::exchange(on_tunnel_, nullptr)();
}

void Exchange::be_tunnel() {
  is_tunnel_ = true;
  status_ = 101;
  cause_ = Cause::tunnel;
  lease_->backend().tell_of_drain(drain_notice_);
  arm_response_deadline();
}

/// The first direction starts by itself in a moment, so that the second may call out.
void Exchange::start_pumps(Flow flow) {
  const auto on_up = [this](std::string_view piece) {
    received_ += piece.size();
    arm_response_deadline();
  };
  const auto on_piece = [this](std::string_view piece) {
    sent_ += piece.size();
    arm_response_deadline();
  };
  upload_.start_blocked(*client_, *upstream_, on_up, [this](Result<void> how) {
    on_tunnel_end(std::move(how), *upstream_, tunnel_up_ended_);
  });
  const auto on_down_end = [this](Result<void> how) {
    on_tunnel_end(std::move(how), *client_, tunnel_down_ended_);
  };
  if (flow == Flow::blocked) return download_.start_blocked(*upstream_, *client_, on_piece, on_down_end);
  download_.start(*upstream_, *client_, on_piece, on_down_end);
}

/// One direction has ended: the other side is told, and may go on in its own.
void Exchange::on_tunnel_end(Result<void> how, wire::BodySink& sink, bool& ended) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return over(cause_of_attempt(error, status_), Ending::abort);
  }
  ended = true;
  const Flow flow = sink.end_body({});
  if (!tunnel_up_ended_ || !tunnel_down_ended_) return;
  if (flow == Flow::open) return over(Cause::tunnel, Ending::finish);
  wait_ = sink.when_writable([this](Result<void> flushed) {
    if (flushed) return over(Cause::tunnel, Ending::finish);
    if (flushed.error().origin == Origin::downstream) return client_gone(flushed.error());
    over(cause_of_attempt(flushed.error(), status_), Ending::abort);
  });
}

/// Says to both sides that nothing more comes.
void Exchange::close_tunnel(Cause cause) {
  upload_.stop();
  download_.stop();
  if (!tunnel_up_ended_) upstream_->end_body({});
  if (!tunnel_down_ended_) client_->end_body({});
  over(cause, Ending::finish);
}

void Exchange::retire(Duration bound) {
  on_tunnel_ = nullptr;
  if (is_tunnel_) context_->deadlines.arm(side_deadline_, bound);
}

// ---- to another owner

/// One that is to end, since its backend drains or because both its sides have, ends here.
std::optional<Exchange::LeftTunnel> Exchange::leave_tunnel() {
  const bool is_ending = (tunnel_up_ended_ && tunnel_down_ended_) || !drain_notice_.is_waiting();
  if (!is_tunnel_ || is_ending) return std::nullopt;
  auto client = client_->leave_tunnel();
  if (!client) return std::nullopt;
  auto backend = upstream_->leave_tunnel();
  if (!backend) return std::nullopt;
  const Duration age = context_->deadlines.clock().now() - started_;
  LeftTunnel left{.record = {.head = std::string(client_->request().bytes()),
                             .pool = pool_->name(),
                             .backend = lease_->backend().address(),
                             .request_id = std::string(request_id_),
                             .sent = sent_ - std::min<uint64_t>(sent_, client->unsent.size()),
                             .received = received_ - std::min<uint64_t>(received_, backend->unsent.size()),
                             .age_ms = static_cast<uint64_t>(age.count()),
                             .attempts = attempts_,
                             .up = std::move(backend->unsent),
                             .down = std::move(client->unsent)},
                  .client = std::move(client->connection),
                  .backend = std::move(backend->connection)};
  left.record.up += client->read;
  left.record.down += backend->read;
  context_->counters.left.add();
  return left;
}

/// What was under way is as if it had just been read: both sides are told of it, and of their ends, once
/// more.
Result<void> Exchange::go_on(ExchangeContext& context, wire::ServerStream& client,
                             LocalGeneration& generation, unsigned worker,
                             const std::shared_ptr<upstream::Pool>& pool, const TunnelRecord& record,
                             net::Descriptor backend, OnOver on_over) {
  context_ = &context;
  client_ = &client;
  generation_ = &generation;
  generation.inside.push_back(*this);
  number_ = generation.shared->number();
  pass_ = generation.shared->gate(worker).enter();
  pool_ = pool;
  settings_ = pool->config();
  lease_ = pool->lease_on(record.backend);
  if (!lease_) return Error{.code = ErrorCode::not_found, .message = "its backend is gone"};
  auto upstream = context.dialer.adopt_tunnel(std::move(backend), record.down);
  if (!upstream) return std::move(upstream).error();
  upstream_ = *std::move(upstream);
  on_over_ = std::move(on_over);
  started_ = context.deadlines.clock().now() - Duration(record.age_ms);
  backend_ = record.backend;
  was_tried_ = true;
  attempts_ = record.attempts;
  sent_ = record.sent;
  received_ = record.received;
  is_trusted_client_ = is_trusted(config().forwarding, client.client().address);
  request_id_ = client.request().find(http::FieldName::x_request_id);
  if (request_id_ != record.request_id) {
    const size_t size = record.request_id.copy(made_id_.data(), made_id_.size());
    request_id_ = std::string_view(made_id_.data(), size);
  }
  be_tunnel();
  start_pumps(Flow::blocked);
  return {};
}

}  // namespace sluice::proxy
