#include <sluice/proxy/exchange.h>
#include <sluice/proxy/retry.h>

#include <utility>

namespace sluice::proxy {

using observe::Disposition;
using wire::Flow;
using wire::Follows;

Exchange::Exchange() : deadline_([this] { on_deadline(); }) {}

void Exchange::start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                     unsigned worker, OnOver on_over) {
  context_ = &context;
  client_ = &client;
  on_over_ = std::move(on_over);
  pass_ = generation.shared->gate(worker).enter();
  const auto& request = client.request();
  const auto index = generation.shared->routes().match(request.host(), request.path());
  if (!index) return reply(404, "no route takes this request", Disposition::failed_no_route);
  route_ = &generation.shared->config().routes[*index];
  settings_ = generation.settings_of_route[*index];
  pool_ = generation.pool_of_route[*index];
  may_replay_ = request.is_idempotent() || settings_->retry.non_idempotent;
  pick_backend();
}

void Exchange::pick_backend() {
  lease_ = pool_->try_pick(tried_);
  if (!lease_) return wait_for_backend();
  connect();
}

/// Nobody can take the request now. It waits for the pool's bound in all, however often it comes back here.
void Exchange::wait_for_backend() {
  const TimePoint now = context_->deadlines.clock().now();
  if (!std::exchange(has_waited_, true)) first_wait_ = now;
  const Duration left = settings_->queue.timeout - (now - first_wait_);
  if (left <= Duration::zero() || pool_->is_queue_full()) {
    return reply(503, "no backend is available", Disposition::failed_unavailable);
  }
  wait_ = pool_->wait_for_backend(place_, tried_, left, [this](Result<upstream::Lease> lease) {
    if (!lease) return reply(503, lease.error().message, Disposition::failed_unavailable);
    lease_ = *std::move(lease);
    connect();
  });
}

void Exchange::connect() {
  ++attempts_;
  upstream::Backend& backend = lease_->backend();
  while (!fresh_only_ && (upstream_ = backend.take_idle())) {
    // What may not be sent twice is not put at risk: a closed connection is told by asking the kernel first.
    if (may_replay_ || !upstream_->is_stale()) return send_request();
  }
  context_->deadlines.arm(deadline_, settings_->timeouts.connect);
  wait_ = context_->dialer.dial(backend.address(),
                                [this](Result<std::unique_ptr<wire::ClientStream>> connection) {
                                  on_connected(std::move(connection));
                                });
}

void Exchange::on_connected(Result<std::unique_ptr<wire::ClientStream>> connection) {
  deadline_.disarm();
  if (!connection) return connect_failed(connection.error());
  upstream_ = *std::move(connection);
  send_request();
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. The backend gets nothing
/// more until a probe has looked at it, so this cannot go round in circles.
void Exchange::connect_failed(const Error&) {
  upstream::Backend& backend = lease_->backend();
  drop_attempt();
  --attempts_;
  context_->counters.retries.add();
  tried_.push_back(&backend);
  if (!std::exchange(has_waited_, true)) first_wait_ = context_->deadlines.clock().now();
  backend.connect_failed();
  pick_backend();
}

void Exchange::send_request() {
  const auto& request = client_->request();
  if (route_->strip_path && target_.empty()) target_ = strip_prefix(request.target(), route_->path);
  const bool body_at_once = request.framing.has_body() && (!replay_.empty() || client_->has_body_in_hand());
  const Flow flow = upstream_->send_head(request, {.client_ip = client_->client_ip(), .target = target_},
                                         body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  arm_response_deadline();
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> head) { on_head(std::move(head)); });
  if (!request.framing.has_body()) return;
  send_body(flow);
}

/// The client's body goes to the backend, what an attempt before this one took of it first; the response may
/// come before its end.
void Exchange::send_body(Flow flow) {
  if (!replay_.empty()) flow = upstream_->write_body(replay_);
  if (body_ended_) {
    upstream_->end_body();
    return;
  }
  const auto on_piece = [this](std::string_view piece) { remember(piece); };
  const auto on_done = [this](Result<void> how) { on_upload_done(std::move(how)); };
  if (flow == Flow::blocked) return upload_.start_blocked(*client_, *upstream_, on_piece, on_done);
  upload_.start(*client_, *upstream_, on_piece, on_done);
}

void Exchange::on_upload_done(Result<void> how) {
  if (how) {
    body_ended_ = true;
    upstream_->end_body();
    return arm_response_deadline();
  }
  const Error error = std::move(how).error();
  // The backend takes no more: what it says about that comes as its response, or as the end of the
  // connection.
  if (error.origin == Origin::upstream) return;
  if (client_->is_committed()) return over(Disposition::client_abort, Ending::abort);
  const bool slow = error.code == ErrorCode::timed_out;
  reply(error.status, error.message,
        slow ? Disposition::failed_client_timeout : Disposition::failed_bad_request);
}

void Exchange::on_head(Result<const http::ResponseHead*> head) {
  if (!head) return attempt_failed(head.error());
  arm_response_deadline();
  if (!(*head)->is_interim()) return send_response(**head);
  client_->send_interim(**head);
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> next) { on_head(std::move(next)); });
}

void Exchange::send_response(const http::ResponseHead& head) {
  const bool has_body = head.framing.has_body();
  const bool body_at_once = has_body && upstream_->has_body_in_hand();
  const Flow flow = client_->send_head(head, body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  if (!has_body) return on_response_end({});
  const auto on_piece = [this](std::string_view) { arm_response_deadline(); };
  const auto on_done = [this](Result<void> how) { on_response_end(std::move(how)); };
  if (flow == Flow::blocked) return download_.start_blocked(*upstream_, *client_, on_piece, on_done);
  download_.start(*upstream_, *client_, on_piece, on_done);
}

void Exchange::on_response_end(Result<void> how) {
  if (!how) {
    const Error error = std::move(how).error();
    if (error.origin == Origin::downstream) return client_gone(error);
    return attempt_failed(error);
  }
  release_backend();
  disposition_ = Disposition::ok;
  if (client_->end_body() == Flow::blocked) return flush();
  over(Disposition::ok, Ending::finish);
}

/// The last bytes of the answer are on their way; it counts once they have left.
void Exchange::flush() {
  wait_ = client_->when_writable([this](Result<void> how) {
    if (!how) return client_gone(how.error());
    over(disposition_, Ending::finish);
  });
}

/// Before the first byte of a response, and only then, another backend may be tried.
void Exchange::attempt_failed(const Error& error) {
  upstream::Backend& backend = lease_->backend();
  const bool stale =
      upstream_->is_reused() && !upstream_->has_answered() && error.code != ErrorCode::timed_out;
  drop_attempt();
  if (stale) {
    fresh_only_ = true;
  } else {
    tried_.push_back(&backend);
    backend.connection_broke();
  }
  if (client_->is_committed()) return over(Disposition::backend_error, Ending::abort);
  client_->take_back_head();
  const bool again = may_retry({.nothing_sent = false,
                                .stale_connection = stale,
                                .idempotent = may_replay_,
                                .non_idempotent_allowed = settings_->retry.non_idempotent,
                                .body_replayable = body_remembered_,
                                .timed_out = error.code == ErrorCode::timed_out,
                                .attempts = attempts_,
                                .attempts_allowed = settings_->retry.attempts});
  if (!again) return reply(status_for(error), "the backend failed", Disposition::backend_error);
  if (stale) --attempts_;
  context_->counters.retries.add();
  pick_backend();
}

void Exchange::on_deadline() {
  const Error error{.code = ErrorCode::timed_out, .message = "", .origin = Origin::upstream};
  if (!upstream_) {
    wait_.cancel();
    return connect_failed(error);
  }
  // A side that waits for the client is not the backend's to answer for; the client has timeouts of its own.
  const bool client_is_slow =
      download_.is_running() ? download_.is_blocked() : upload_.is_running() && !upload_.is_blocked();
  if (client_is_slow) return arm_response_deadline();
  attempt_failed(error);
}

void Exchange::arm_response_deadline() {
  context_->deadlines.arm(deadline_, settings_->timeouts.response);
}

/// Keeps what a next attempt would have to send again, up to the pool's bound.
void Exchange::remember(std::string_view piece) {
  arm_response_deadline();
  if (!body_remembered_) return;
  if (may_replay_ && replay_.size() + piece.size() <= settings_->retry.buffer_bytes) {
    replay_.append(piece);
    return;
  }
  body_remembered_ = false;
  replay_.clear();
}

/// The response has been read whole. A request body that was not is left to the client's stream to deal with.
void Exchange::release_backend() {
  deadline_.disarm();
  upload_.stop();
  wait_.cancel();
  lease_->backend().give_back(std::move(upstream_));
  upstream_.reset();
  lease_.reset();
}

void Exchange::drop_attempt() {
  deadline_.disarm();
  wait_.cancel();
  upload_.stop();
  download_.stop();
  upstream_.reset();
  lease_.reset();
}

void Exchange::reply(int status, std::string_view explanation, Disposition disposition) {
  drop_attempt();
  disposition_ = disposition;
  const std::string_view extra = status == 503 ? "Retry-After: 1\r\n" : "";
  if (client_->send_own(status, explanation, extra) == Flow::blocked) return flush();
  over(disposition, Ending::finish);
}

void Exchange::client_gone(const Error& error) {
  const bool slow = error.code == ErrorCode::timed_out;
  over(slow ? Disposition::failed_client_timeout : Disposition::client_abort, Ending::abort);
}

void Exchange::stop() {
  context_->counters.end(Disposition::failed_stopped);
  drop_attempt();
}

void Exchange::over(Disposition disposition, Ending ending) {
  context_->counters.end(disposition);
  drop_attempt();
  const OnOver on_over = std::move(on_over_);
  on_over(ending);
}

void Exchange::clear() {
  drop_attempt();
  on_over_ = nullptr;
  pool_.reset();
  settings_.reset();
  route_ = nullptr;
  tried_.clear();
  target_.clear();
  replay_.clear();
  attempts_ = 0;
  has_waited_ = fresh_only_ = may_replay_ = body_ended_ = false;
  body_remembered_ = true;
  pass_.reset();  // Last: the generation may end with it.
}

}  // namespace sluice::proxy
