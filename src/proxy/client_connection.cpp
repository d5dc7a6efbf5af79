#include "proxy/client_connection.h"

#include <limits>
#include <utility>

#include "proxy/access.h"
#include "proxy/answers.h"
#include "proxy/trust.h"

namespace sluice::proxy {

ClientConnection& ClientConnection::start(std::unique_ptr<net::Transport> transport,
                                          const wire::ServerOptions& options, ClientContext& context) {
  auto self = std::make_unique<ClientConnection>(std::move(transport), options, context);
  ClientConnection& connection = *self;
  connection.self_ = std::move(self);
  if (!options.proxy_protocol && connection.is_one_too_many()) {
    connection.stream_.start_refused({.code = ErrorCode::too_large,
                                      .message = "too many connections of this client",
                                      .origin = Origin::downstream,
                                      .status = 429});
  } else {
    connection.stream_.start();
  }
  return connection;
}

ClientConnection& ClientConnection::adopt(std::unique_ptr<net::Transport> transport, ClientContext& context) {
  auto self = std::make_unique<ClientConnection>(std::move(transport), wire::ServerOptions(), context);
  ClientConnection& connection = *self;
  connection.self_ = std::move(self);
  return connection;
}

/// It was let in before, and counts; but it is not one too many.
void ClientConnection::count(const wire::BetweenRequests& from) {
  const Address& address = from.client.address;
  if (!from.awaits_preface && is_limited(address)) {
    counted_ = context_.counts.enter(address, std::numeric_limits<uint64_t>::max());
  }
}

void ClientConnection::begin(wire::BetweenRequests from) {
  count(from);
  stream_.start(std::move(from));
}

Result<void> ClientConnection::begin_tunnel(MovedConnection moved,
                                            const std::shared_ptr<upstream::Pool>& pool) {
  auto& tunnel = *moved.record.tunnel;
  count(moved.record.at);
  auto started = stream_.start_tunnel(std::move(moved.record.at), tunnel.head, std::move(tunnel.up));
  if (!started) return started;
  exchange_ = context_.exchanges.take();
  auto gone_on = exchange_->go_on(context_.exchange, stream_, *context_.generation, context_.worker, pool,
                                  tunnel, std::move(moved.backend), [this](Ending ending) { leave(ending); });
  if (!gone_on) exchange_.reset();
  return gone_on;
}

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const wire::ServerOptions& options, ClientContext& context)
    : context_(context), stream_(std::move(transport), options, context.wire, *this) {}

ClientConnection::~ClientConnection() {
  if (counted_) context_.counts.leave(stream_.client().address);
}

/// A proxy in front of many clients is not one client.
bool ClientConnection::is_limited(const Address& client) const {
  return config().limits.connections_per_client != 0 && !client.is_local() &&
         !is_trusted(config().forwarding, client);
}

/// Counts it, when there is a limit.
bool ClientConnection::is_one_too_many() {
  const Address& address = stream_.client().address;
  if (!is_limited(address)) return false;
  counted_ = context_.counts.enter(address, config().limits.connections_per_client);
  return !counted_;
}

void ClientConnection::retire() {
  stream_.retire(kQuiet);
  if (exchange_) exchange_->retire(context_.tunnel_bound);
}

void ClientConnection::move() {
  if (exchange_ && exchange_->is_tunnel()) return move_tunnel();
  if (exchange_) {
    exchange_->tell_tunnel([this] { move_tunnel(); });
  }
  stream_.tell_between_requests();
}

const std::string* ClientConnection::stay() {
  stream_.tell_between_requests_no_more();
  if (exchange_) exchange_->tell_tunnel(nullptr);
  return std::exchange(listener_, nullptr);
}

void ClientConnection::move_tunnel() {
  auto left = exchange_->leave_tunnel();
  if (!left) return retire();
  MovedConnection moved{.record = {.listener = *listener_, .at = stream_.leave_off()},
                        .client = std::move(left->client),
                        .backend = std::move(left->backend)};
  moved.record.at.bytes.clear();  // They are the tunnel's.
  moved.record.tunnel = std::move(left->record);
  context_.on_moved(std::move(moved));
  on_connection_over();
}

void ClientConnection::on_between_requests() {
  auto descriptor = stream_.duplicate();
  if (!descriptor) return retire();
  context_.on_moved(
      {.record = {.listener = *listener_, .at = stream_.leave_off()}, .client = *std::move(descriptor)});
  on_connection_over();
}

void ClientConnection::close() {
  if (exchange_) exchange_->stop();
  on_connection_over();
}

void ClientConnection::on_request() {
  context_.exchange.counters.accepted.add();
  exchange_ = context_.exchanges.take();
  exchange_->start(context_.exchange, stream_, *context_.generation, context_.worker,
                   [this](Ending ending) { leave(ending); });
}

/// The exchange is over: it goes first, since the stream may begin the next one at once.
void ClientConnection::leave(Ending ending) {
  exchange_.reset();
  if (ending == Ending::abort) return stream_.abort();
  stream_.finish();
}

void ClientConnection::on_bad_request(const Error& error) {
  auto& counters = context_.exchange.counters;
  counters.accepted.add();
  const auto cause = cause_of_refusal(error);
  counters.end(entry(cause).disposition);
  if (context_.exchange.access.is_on()) log_refusal(cause);
  const std::string fields = answer_fields(config(), {.cause = cause, .details = error.message});
  stream_.send_own(error_answer(config(), cause, error.message, fields));
  stream_.finish();  // Lingers until what is kept has left.
}

void ClientConnection::log_refusal(observe::Cause cause) {
  observe::AccessRecord record =
      stream_.has_request() ? access_record(stream_.request()) : access_record(http::RequestHead());
  record.client = stream_.client().ip;
  record.reason = name(cause);
  record.disposition = entry(cause).disposition;
  record.status = entry(cause).status;
  record.generation = context_.generation->shared->number();
  context_.exchange.access.write(record);
}

void ClientConnection::on_client_gone(const Error& error) {
  if (exchange_) return exchange_->client_gone(error);
  stream_.abort();
}

void ClientConnection::on_connection_over() {
  const auto self = std::move(self_);  // Lives to the end of this call.
  hook.unlink();
  exchange_.reset();
  context_.on_connection_over();
}

}  // namespace sluice::proxy
