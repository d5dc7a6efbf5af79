#include <sluice/base/text.h>
#include <sluice/proxy/active_stream.h>
#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/local_generation.h>

#include <utility>

#include "proxy/trust.h"
#include "proxy/tunnel.h"

namespace sluice::proxy {
namespace {

constexpr size_t kMostOfARequest = 120;

}  // namespace

ActiveStream::ActiveStream() = default;
ActiveStream::~ActiveStream() = default;

void ActiveStream::start(ExchangeContext& context, wire::ServerStream& client, LocalGeneration& generation,
                         unsigned worker, OnOver on_over, LoginConnections* logins) {
  client.set_handler(*this);
  flight_.begin(context, client, generation, worker);
  flight_.started = context.deadlines.clock().now();
  on_over_ = std::move(on_over);
  generation.inside.push_back(*this);
  exchange_.emplace(flight_, static_cast<ExchangeOwner&>(*this), logins);
  exchange_->start();
}

void ActiveStream::over(Ending ending) {
  const OnOver on_over = std::move(on_over_);
  on_over(ending);
}

void ActiveStream::on_client_gone(const Error& error) {
  tunnel_ ? tunnel_->client_gone(error) : exchange_->client_gone(error);
}

void ActiveStream::login_ended() {
  if (exchange_) exchange_->login_ended();
}

void ActiveStream::stop() {
  tunnel_ ? tunnel_->stop() : exchange_->stop();
}

void ActiveStream::answer_stopped() {
  exchange_->answer_stopped();
}

void ActiveStream::outlive_generation(LocalGeneration& newest, unsigned worker) {
  newest.inside.push_back(*this);
  flight_.outlive_generation(newest, worker);
}

// ---- a tunnel

void ActiveStream::on_upgraded(TunnelBackend backend, wire::Flow to_client) {
  make_tunnel(std::move(backend));
  exchange_.reset();
  if (!on_tunnel_) return tunnel_->start(to_client);
  tunnel_->start(wire::Flow::blocked);
  std::exchange(on_tunnel_, nullptr)();
}

void ActiveStream::make_tunnel(TunnelBackend backend) {
  tunnel_ = std::make_unique<Tunnel>(flight_, std::move(backend), [this](Ending ending) { over(ending); });
  tunnel_->retire_at(retires_at_);
}

void ActiveStream::retire(std::optional<TimePoint> tunnel_ends) {
  on_tunnel_ = nullptr;
  retires_at_ = tunnel_ends;
  if (tunnel_) tunnel_->retire_at(retires_at_);
}

void ActiveStream::stay() {
  retire(std::nullopt);
}

std::optional<SuspendedTunnel> ActiveStream::suspend_tunnel() {
  return tunnel_ ? tunnel_->suspend() : std::nullopt;
}

/// Bytes that were under way count as just read: the pumps deliver them, and the ends of both sides, once
/// more.
Result<void> ActiveStream::resume(ExchangeContext& context, wire::ServerStream& client,
                                  LocalGeneration& generation, unsigned worker,
                                  const std::shared_ptr<upstream::Pool>& pool, const TunnelState& state,
                                  net::Descriptor backend, OnOver on_over) {
  client.set_handler(*this);
  flight_.begin(context, client, generation, worker);
  generation.inside.push_back(*this);
  flight_.pool = pool;
  flight_.settings = pool->config();
  auto lease = pool->lease_on(state.backend);
  if (!lease) return Error{.code = ErrorCode::not_found, .message = "its backend is gone"};
  auto stream = lease->backend().connections().resume_tunnel(std::move(backend), state.down);
  if (!stream) return std::move(stream).error();
  flight_.started = context.deadlines.clock().now() - Duration(state.age_ms);
  flight_.backend = state.backend;
  flight_.was_tried = true;
  flight_.attempts = state.attempts;
  flight_.sent = state.sent;
  flight_.received = state.received;
  flight_.is_trusted_client = is_trusted(flight_.config().forwarding, client.client().address);
  flight_.take_request_id(state.request_id);
  on_over_ = std::move(on_over);
  make_tunnel({.lease = *std::move(lease), .stream = *std::move(stream)});
  tunnel_->start(wire::Flow::blocked);
  return {};
}

// ---- reports

InFlightInfo ActiveStream::info() const {
  const auto& request = flight_.client->request();
  std::string what = concat({request.method(), " ", request.path()});
  if (what.size() > kMostOfARequest) what = what.substr(0, kMostOfARequest) + "...";
  return {.client = flight_.client->client().ip,
          .request = std::move(what),
          .pool = flight_.pool ? flight_.pool->name() : std::string(),
          .backend = tunnel_ ? flight_.backend.text() : exchange_->backend(),
          .phase = tunnel_ ? "tunnel" : exchange_->phase(),
          .age = flight_.context->deadlines.clock().now() - flight_.started,
          .route = flight_.route != nullptr ? flight_.route->name : std::string(),
          .cut_in = tunnel_ ? tunnel_->time_left() : std::nullopt};
}

bool ActiveStream::is_at(const upstream::BackendState& backend) const {
  return tunnel_ ? tunnel_->is_at(backend) : exchange_->is_at(backend);
}

void ActiveStream::clear() {
  exchange_.reset();
  tunnel_.reset();
  on_over_ = nullptr;
  on_tunnel_ = nullptr;
  retires_at_.reset();
  hook.unlink();
  flight_.clear();  // Last: the generation may end with it.
}

}  // namespace sluice::proxy
