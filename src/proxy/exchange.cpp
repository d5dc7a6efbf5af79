// The way of a request, from the client to a backend, step by step.
#include <sluice/base/text.h>
#include <sluice/base/uri_path.h>
#include <sluice/http/connection_login.h>
#include <sluice/http/max_forwards.h>
#include <sluice/http/proxy_protocol.h>
#include <sluice/http/upgrade.h>
#include <sluice/proxy/exchange.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>
#include <sluice/proxy/retry.h>

#include <algorithm>
#include <utility>

#include "proxy/balance_key.h"
#include "proxy/buffered_response.h"
#include "proxy/cause_of.h"
#include "proxy/hedge.h"
#include "proxy/local_reply.h"
#include "proxy/trust.h"

namespace sluice::proxy {
namespace {

constexpr uint64_t kMostOfOnce = 8192;
constexpr Duration kLookAgain{500};

Error client_left() {
  return {
      .code = ErrorCode::closed, .message = "the client closed the connection", .origin = Origin::downstream};
}

/// A backend that ends strings at a NUL would see a shorter path than the route has matched.
bool hides_its_end(const config::Route& route, const RequestPath& path) {
  if (route.path_match == config::PathMatch::raw || path.normal.data() == path.raw.data()) return false;
  return path.normal.find("%00") != std::string_view::npos;
}

}  // namespace

using observe::Cause;
using wire::Flow;
using wire::Follows;

Exchange::Exchange(InFlight& flight, ExchangeOwner& owner, LoginConnections* logins)
    : flight_(flight), owner_(owner), logins_(logins) {}

Exchange::~Exchange() {
  drop_attempt();
}

const config::Config& Exchange::config() const {
  return flight_.config();
}

void Exchange::start() {
  ExchangeContext& context = *flight_.context;
  const LocalGeneration& generation = *flight_.generation;
  const wire::ServerStream& client = *flight_.client;
  const auto& request = client.request();
  if (http::ends_here(request)) return answer(max_forwards_reply(config(), request));
  const RequestPath path{.raw = request.path(), .normal = normal_path(request.path(), context.normal_path)};
  const auto index = generation.shared->routes().match(request.host(), path, &request);
  if (!index) return reply(Cause::no_route);
  flight_.follow(*index);
  if (hides_its_end(*flight_.route, path)) return reply(Cause::bad_request, "an encoded NUL in the path");
  if (flight_.route->redirect) return redirect();
  if (flight_.route->respond)
    return answer(fixed_reply(config(), *flight_.route->respond, flight_.rules->response.added));
  const WeightedTargets& ways = generation.targets_of_route[*index];
  const WeightedTarget* known = target_of_login(ways);
  if (known == nullptr) known = sticky_target(ways, config(), client);
  const WeightedTarget& way = known != nullptr ? *known : choose_target(ways, context.turns);
  flight_.settings = way.settings;
  flight_.pool = way.pool;
  flight_.pool->retry_budget().count_request();
  may_replay_ = may_replay(request, flight_.settings->retry);
  logs_in_ = http::logs_connection_in(request);
  upgrade_ = http::wanted_upgrade(request, flight_.route->upgrade);
  flight_.is_trusted_client = is_trusted(config().forwarding, client.client().address);
  key_ = balance_key(flight_.settings->balance, config(), client, flight_.is_trusted_client);
  rewrite_target(path);
  flight_.choose_request_id();
  pick_backend();
}

void Exchange::redirect() {
  const auto found = redirect_reply(config(), *flight_.route->redirect, flight_.rules->response.added,
                                    flight_.client->request());
  if (!found) return reply(Cause::bad_request, "a redirect from here needs a Host");
  answer(*found);
}

// ---- towards a backend

void Exchange::rewrite_target(const RequestPath& path) {
  if (!flight_.rules->path.is_needed() || flight_.client->request().is_about_server()) return;
  flight_.rules->path.append(target_, path);
  target_ += flight_.client->request().query();
}

void Exchange::pick_backend() {
  lease_ = flight_.pool->try_pick(ask());
  // A backend that was tried would give the same invalid answer.
  if (!lease_ && !flight_.refused.empty()) return reply(refused_by_);
  if (!lease_) return wait_for_backend();
  connect();
}

/// No backend can take the request now. It waits for the pool's bound in all, however often it comes back
/// here; its attempts in between do not count.
void Exchange::wait_for_backend() {
  const Duration left = flight_.settings->queue.timeout - waited_;
  if (left <= Duration::zero()) return reply(Cause::queue_timeout);
  if (flight_.pool->is_queue_full()) return reply(Cause::queue_full);
  flight_.trace.wait_begins(flight_.context->deadlines.clock().now());
  flight_.context->deadlines.arm(client_look_, kLookAgain);
  wait_ = flight_.pool->wait_for_backend(
      queue_entry_, ask(), left, [this](Result<upstream::Lease> lease) { on_lease(std::move(lease)); });
}

void Exchange::on_lease(Result<upstream::Lease> lease) {
  client_look_.disarm();
  if (flight_.client->has_left()) return client_gone(client_left());
  if (!lease) return reply(cause_of_queue(lease.error()), lease.error().message);
  waited_ += flight_.context->deadlines.clock().now() -
             std::max(flight_.trace.waits_since(), queue_entry_.released());
  lease_ = *std::move(lease);
  flight_.wait_over(Cause::ok, version());
  connect();
}

/// A client that has sent much is not read from while it waits: its leaving would go unnoticed, and its
/// request would keep its place in the queue.
void Exchange::look_for_client() {
  if (flight_.client->has_left()) return client_gone(client_left());
  flight_.context->deadlines.arm(client_look_, kLookAgain);
}

void Exchange::connect() {
  if (flight_.failed_at != nullptr) flight_.count_retry();
  ++flight_.attempts;
  upstream::Backend& backend = lease_->backend();
  flight_.backend = backend.address();
  flight_.was_tried = true;
  flight_.trace.attempt_begins();
  take_connection();
  if (upstream_) return send_request();
  flight_.trace.dials(flight_.context->deadlines.clock().now());
  flight_.context->deadlines.arm(deadline_, flight_.settings->timeouts.connect);
  wait_ = flight_.context->dialer.dial(backend.address(),
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
  const auto& client = flight_.client->client();
  if (flight_.settings->proxy_protocol == config::ProxyProtocol::v1) {
    backend.send_preface(http::proxy_header_v1(client.address, client.local));
  } else if (flight_.settings->proxy_protocol == config::ProxyProtocol::v2) {
    backend.send_preface(http::proxy_header_v2(client.address, client.local));
  }
}

/// Nothing was sent: another backend is always safe, and the attempt does not count. The pool's bound on
/// waiting ends this.
void Exchange::connect_failed(const Error& error) {
  const Cause cause = cause_of_connect(error);
  if (cause == Cause::no_descriptors) return reply(cause);  // Not the backend's fault.
  const TimePoint now = flight_.context->deadlines.clock().now();
  flight_.trace.attempt_ends(flight_.backend, cause, 0, now, now);
  flight_.note_retry(cause, version());
  lease_->backend().connect_failed(cause);
  forget_backend();
  --flight_.attempts;
  waited_ += now - flight_.trace.dialed();
  if (waited_ >= flight_.settings->queue.timeout) return reply(cause);
  pick_backend();
}

/// The lease may be the last to hold the backend: the pointer that is kept is only ever compared.
void Exchange::forget_backend() {
  const upstream::Backend* backend = &lease_->backend();
  if (std::ranges::find(tried_, backend) == tried_.end()) tried_.push_back(backend);
  drop_attempt();
}

http::RequestForwarding Exchange::forwarding(const Address& backend) {
  const auto& client = flight_.client->client();
  host_ = flight_.route->rewrite_host;
  if (host_.empty() && flight_.client->request().host().empty()) {  // HTTP/1.1 wants one (RFC 9112 3.2).
    host_ = backend.is_local() ? "localhost" : backend.text();
  }
  return {.client_ip = client.ip,
          .client_is_trusted = flight_.is_trusted_client,
          .port = client.local.port(),
          .request_id = flight_.request_id,
          .say_forwarded = config().forwarding.say_forwarded,
          .target = target_,
          .host = host_,
          .upgrade = upgrade_,
          .close = !flight_.settings->keep_alive,
          .edits = flight_.rules->request.empty() ? nullptr : &flight_.rules->request};
}

void Exchange::send_request() {
  const auto& request = flight_.client->request();
  interims_ = 0;
  has_head_ = false;
  flight_.sent_at = flight_.context->deadlines.clock().now();
  const Flow flow = upstream_->send_head(request, forwarding(flight_.backend),
                                         body_.is_at_hand() ? Follows::body_at_once : Follows::nothing_yet);
  arm_response_deadline();
  wait_ = upstream_->read_head([this](Result<const http::ResponseHead*> head) { on_head(std::move(head)); });
  if (flight_.settings->retry.hedge > Duration::zero()) arm_hedge();
  if (body_.exists()) body_.send_to(*upstream_, flow, most_remembered());
}

/// A request that may be done only once is sent again when the backend had closed the connection before it
/// came. That is rare: large bodies are not copied for it.
uint64_t Exchange::most_remembered() const {
  const uint64_t most = flight_.settings->retry.buffer_bytes;
  if (may_replay_) return most;
  return upstream_->is_reused() ? std::min(most, kMostOfOnce) : 0;
}

void Exchange::on_body_sent() {
  if (switches_late_) return upgrade(*response_);
  arm_response_deadline();
}

void Exchange::on_body_refused(const Error& error) {
  if (switches_late_) attempt_failed(error);
}

void Exchange::on_body_lost(Cause cause, std::string_view explanation) {
  if (flight_.client->is_committed()) return over(cause, Ending::abort);
  reply(cause, explanation);
}

void Exchange::arm_response_deadline() {
  Duration bound = flight_.settings->timeouts.response;
  if (is_attempt_bounded()) bound = std::min(bound, flight_.settings->retry.attempt_timeout);
  flight_.context->deadlines.arm(deadline_, bound);
}

/// No head has come (perhaps bytes of one), and another attempt may be made when this takes too long.
bool Exchange::is_attempt_bounded() const {
  return may_cut_attempts() && !has_head_;
}

bool Exchange::may_cut_attempts() const {
  if (flight_.settings->retry.attempt_timeout == Duration::zero()) return false;
  return may_replay_ && body_.is_replayable() && flight_.attempts < flight_.settings->retry.attempts;
}

}  // namespace sluice::proxy
