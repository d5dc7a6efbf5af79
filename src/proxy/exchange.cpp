// The way of a request, from the client to a backend, step by step.
#include <sluice/base/text.h>
#include <sluice/http/max_forwards.h>
#include <sluice/http/proxy_protocol.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/answers.h"
#include "proxy/balance_key.h"
#include "proxy/hedge.h"
#include "proxy/held_response.h"
#include "proxy/partial_post.h"
#include "proxy/trust.h"

namespace sluice::proxy {
namespace {

constexpr uint64_t kMostOfOnce = 8192;
constexpr Duration kLookAgain{500};

Error client_left() {
  return {
      .code = ErrorCode::closed, .message = "the client closed the connection", .origin = Origin::downstream};
}

}  // namespace

using observe::Cause;
using wire::Flow;
using wire::Follows;

Exchange::Exchange()
    : deadline_([this] { on_deadline(); }),
      side_deadline_([this] { on_side_deadline(); }),
      drain_notice_([this] { context_->deadlines.arm(side_deadline_, settings_->timeouts.tunnel_drain); }) {}

Exchange::~Exchange() = default;

void Exchange::start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                     unsigned worker, OnOver on_over) {
  context_ = &context;
  client_ = &client;
  generation_ = &generation;
  on_over_ = std::move(on_over);
  started_ = context.deadlines.clock().now();
  pass_ = generation.shared->gate(worker).enter();
  number_ = generation.shared->number();
  generation.inside.push_back(*this);
  const auto& request = client.request();
  if (http::ends_here(request)) return answer_here();
  const auto index = generation.shared->routes().match(request.host(), request.path(), &request);
  if (!index) return reply(Cause::no_route);
  route_ = &config().routes[*index];
  rules_ = &generation.shared->rules(*index);
  if (route_->redirect) return redirect();
  if (route_->respond) return respond();
  const Ways& ways = generation.ways_of_route[*index];
  const Way* const known = sticky_way(ways, config(), client);
  const Way& way = known != nullptr ? *known : choose_way(ways, context.turns);
  settings_ = way.settings;
  pool_ = way.pool;
  pool_->retry_budget().count_request();
  may_replay_ = may_replay(request, settings_->retry);
  upgrade_ = http::wanted_upgrade(request, route_->upgrade);
  is_trusted_client_ = is_trusted(config().forwarding, client.client().address);
  key_ = balance_key(settings_->balance, config(), client, is_trusted_client_);
  rewrite_target();
  choose_request_id();
  pick_backend();
}

// ---- what Sluice answers by itself

/// A TRACE or OPTIONS that is to go no further (RFC 9110 7.6.2).
void Exchange::answer_here() {
  const auto& request = client_->request();
  std::string content;
  const std::string fields = answer_fields(config(), {.cause = Cause::max_forwards});
  http::OwnResponse response{.status = 200, .extra_fields = fields, .has_body = true};
  if (request.method() == "TRACE") {
    content = http::trace_content(request);
    response.content_type = "message/http";
    response.body = content;
  }
  answer(response, Cause::max_forwards);
}

void Exchange::redirect() {
  const bool needs_host = route_->redirect->to.find("{host}") != std::string::npos;
  if (needs_host && client_->request().host().empty()) {
    return reply(Cause::bad_request, "a redirect from here needs a Host");
  }
  const std::string location =
      concat({"Location: ", redirect_location(*route_->redirect, client_->request()), "\r\n",
              rules_->response.added, answer_fields(config(), {.cause = Cause::redirect})});
  answer({.status = route_->redirect->status,
          .explanation = "the resource is elsewhere",
          .extra_fields = location},
         Cause::redirect);
}

void Exchange::respond() {
  const auto& fixed = *route_->respond;
  const std::string fields =
      concat({rules_->response.added, answer_fields(config(), {.cause = Cause::fixed_response})});
  answer({.status = fixed.status,
          .extra_fields = fields,
          .content_type = fixed.content_type,
          .body = fixed.body,
          .has_body = true},
         Cause::fixed_response);
}

// ---- towards a backend

void Exchange::rewrite_target() {
  if (!route_->strip_path && !route_->rewrite_path) return;
  const auto& request = client_->request();
  const std::string target =
      request.is_absolute_form() ? request.origin_target() : std::string(request.target());
  if (target == "*") return;  // Of OPTIONS: it is no path.
  target_ = strip_prefix(target, route_->path);
  if (!route_->rewrite_path) return;
  std::string_view base = *route_->rewrite_path;
  while (base.ends_with('/')) base.remove_suffix(1);
  target_.insert(0, base);
}

void Exchange::choose_request_id() {
  if (!config().forwarding.say_request_id) return;
  if (is_trusted_client_) request_id_ = client_->request().find(http::FieldName::x_request_id);
  if (request_id_.empty()) request_id_ = context_->ids.make(made_id_);
}

void Exchange::pick_backend() {
  lease_ = pool_->try_pick({.tried = tried_, .key = key_});
  if (!lease_) return wait_for_backend();
  connect();
}

/// Nobody can take the request now. It waits for the pool's bound in all, however often it comes back here;
/// its attempts in between do not count.
void Exchange::wait_for_backend() {
  const Duration left = settings_->queue.timeout - waited_;
  if (left <= Duration::zero()) return reply(Cause::queue_timeout);
  if (pool_->is_queue_full()) return reply(Cause::queue_full);
  const upstream::Ask ask{.tried = tried_, .key = key_};
  trace_.wait_begins(context_->deadlines.clock().now());
  context_->deadlines.arm(side_deadline_, kLookAgain);
  wait_ = pool_->wait_for_backend(place_, ask, left,
                                  [this](Result<upstream::Lease> lease) { on_lease(std::move(lease)); });
}

void Exchange::on_lease(Result<upstream::Lease> lease) {
  side_deadline_.disarm();
  if (client_->has_left()) return client_gone(client_left());
  if (!lease) return reply(cause_of_queue(lease.error()), lease.error().message);
  waited_ += context_->deadlines.clock().now() - std::max(trace_.waits_since(), place_.released());
  lease_ = *std::move(lease);
  wait_over(Cause::ok);
  connect();
}

/// A client that has sent much is not read from while it waits: nobody tells when it leaves, and it would
/// keep its place in the queue.
void Exchange::look_for_client() {
  if (client_->has_left()) return client_gone(client_left());
  context_->deadlines.arm(side_deadline_, kLookAgain);
}

void Exchange::connect() {
  if (failed_at_ != nullptr) count_retry();
  ++attempts_;
  upstream::Backend& backend = lease_->backend();
  backend_ = backend.address();
  was_tried_ = true;
  trace_.attempt_begins();
  const bool may_reuse = !fresh_only_ && settings_->proxy_protocol == config::ProxyProtocol::none;
  const bool may_fail = may_replay_ && surely_fits(client_->request().framing, settings_->retry);
  if (may_reuse) {
    upstream_ = may_fail ? backend.take_idle() : backend.take_trusted(settings_->retry.trust_idle);
  }
  if (upstream_) return send_request();
  trace_.dials(context_->deadlines.clock().now());
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
  send_preface(*upstream_);
  send_request();
}

void Exchange::send_preface(wire::ClientStream& backend) {
  const auto& client = client_->client();
  if (settings_->proxy_protocol == config::ProxyProtocol::v1) {
    backend.send_preface(http::proxy_header_v1(client.address, client.local));
  } else if (settings_->proxy_protocol == config::ProxyProtocol::v2) {
    backend.send_preface(http::proxy_header_v2(client.address, client.local));
  }
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. It is the pool's bound
/// of waiting that ends this.
void Exchange::connect_failed(const Error& error) {
  const Cause cause = cause_of_connect(error);
  if (cause == Cause::no_descriptors) return reply(cause);  // Not the backend's fault.
  const TimePoint now = context_->deadlines.clock().now();
  trace_.attempt_ends(backend_, cause, 0, now, now);
  note_retry(cause);
  lease_->backend().connect_failed(cause);
  forget_backend();
  --attempts_;
  waited_ += now - trace_.dialed();
  if (waited_ >= settings_->queue.timeout) return reply(cause);
  pick_backend();
}

/// The lease may be the last to hold the backend: what is kept of it is only ever compared.
void Exchange::forget_backend() {
  const upstream::Backend* backend = &lease_->backend();
  if (std::ranges::find(tried_, backend) == tried_.end()) tried_.push_back(backend);
  drop_attempt();
}

http::RequestForwarding Exchange::forwarding(const Address& backend) {
  const auto& client = client_->client();
  host_ = route_->rewrite_host;
  if (host_.empty() && client_->request().host().empty()) {  // HTTP/1.1 wants one (RFC 9112 3.2).
    host_ = backend.is_local() ? "localhost" : backend.text();
  }
  return {.client_ip = client.ip,
          .client_is_trusted = is_trusted_client_,
          .port = client.local.port(),
          .request_id = request_id_,
          .say_forwarded = config().forwarding.say_forwarded,
          .target = target_,
          .host = host_,
          .upgrade = upgrade_,
          .edits = rules_->request.empty() ? nullptr : &rules_->request};
}

void Exchange::send_request() {
  const auto& request = client_->request();
  interims_ = 0;
  has_head_ = false;
  sent_at_ = context_->deadlines.clock().now();
  const bool body_at_once =
      request.framing.has_body() && !partial_ && (!replay_.empty() || client_->has_body_in_hand());
  const Flow flow = upstream_->send_head(request, forwarding(backend_),
                                         body_at_once ? Follows::body_at_once : Follows::nothing_yet);
  arm_response_deadline();
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> head) { on_head(std::move(head)); });
  if (settings_->retry.hedge > Duration::zero()) arm_hedge();
  if (!request.framing.has_body()) return;
  expect_continue();
  send_body(flow);
}

/// A backend that knows nothing of 100-continue must not keep the client waiting for it (RFC 9110 10.1.1).
void Exchange::expect_continue() {
  if (!client_->request().expects_continue || body_ended_) return;
  continue_awaited_ = true;
  context_->deadlines.arm(side_deadline_, settings_->timeouts.expect_continue);
}

void Exchange::stop_expecting() {
  if (std::exchange(continue_awaited_, false)) side_deadline_.disarm();
}

std::string Exchange::client_trailers() const {
  return http::forwardable_trailers(client_->trailers(), client_->request(), &rules_->request);
}

/// The client's body goes to the backend, what an attempt before this one took of it first; the response may
/// come before its end.
void Exchange::send_body(Flow flow) {
  if (partial_) return send_given_back(flow);
  if (!replay_.empty()) flow = upstream_->write_body(replay_);
  send_rest(flow);
}

/// What no attempt has taken from the client yet.
void Exchange::send_rest(Flow flow) {
  if (body_ended_) {
    upstream_->end_body(client_trailers());
    return;
  }
  const auto on_piece = [this](std::string_view piece) { remember(piece); };
  const auto on_done = [this](Result<void> how) { on_upload_done(std::move(how)); };
  if (flow == Flow::blocked) return upload_.start_blocked(*client_, *upstream_, on_piece, on_done);
  upload_.start(*client_, *upstream_, on_piece, on_done);
}

/// Keeps what a next attempt would have to send again, up to the pool's bound.
void Exchange::remember(std::string_view piece) {
  arm_response_deadline();
  stop_expecting();
  received_ += piece.size();
  if (!body_remembered_) return;
  if (replay_.size() + piece.size() <= most_remembered()) {
    replay_.append(piece);
    return;
  }
  body_remembered_ = false;
  replay_.clear();
}

/// What may be done only once is sent again when the backend has closed the connection before it came. That
/// is rare: large bodies are not copied for it.
uint64_t Exchange::most_remembered() const {
  const uint64_t most = settings_->retry.buffer_bytes;
  if (may_replay_) return most;
  return upstream_->is_reused() ? std::min(most, kMostOfOnce) : 0;
}

void Exchange::on_upload_done(Result<void> how) {
  if (how) {
    body_ended_ = true;
    upstream_->end_body(client_trailers());
    return arm_response_deadline();
  }
  const Error error = std::move(how).error();
  // The backend takes no more: what it says about that comes as its response, or as the end of the
  // connection.
  if (error.origin == Origin::upstream) return;
  const Cause cause = cause_of_refusal(error);
  if (client_->is_committed()) return over(cause, Ending::abort);
  reply(cause, error.message);
}

void Exchange::arm_response_deadline() {
  Duration bound = is_tunnel_ ? config().timeouts.tunnel : settings_->timeouts.response;
  if (is_attempt_bounded()) bound = std::min(bound, settings_->retry.attempt_timeout);
  context_->deadlines.arm(deadline_, bound);
}

/// No head has come (bytes of one perhaps), and there is another attempt to make when this one takes too
/// long.
bool Exchange::is_attempt_bounded() const {
  return !is_tunnel_ && may_cut_attempts() && !has_head_;
}

bool Exchange::may_cut_attempts() const {
  if (settings_->retry.attempt_timeout == Duration::zero()) return false;
  return may_replay_ && body_remembered_ && attempts_ < settings_->retry.attempts;
}

}  // namespace sluice::proxy
