#include "proxy/client_connection.h"

#include <utility>

#include "proxy/access.h"
#include "proxy/answers.h"
#include "proxy/trust.h"

namespace sluice::proxy {

using observe::Disposition;

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

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const wire::ServerOptions& options, ClientContext& context)
    : context_(context), stream_(std::move(transport), options, context.wire, *this) {}

ClientConnection::~ClientConnection() {
  if (counted_) context_.counts.leave(stream_.client().address);
}

/// Counts it, when there is a limit. A proxy in front of many clients is not one client.
bool ClientConnection::is_one_too_many() {
  const uint64_t most = config().limits.connections_per_client;
  const Address& address = stream_.client().address;
  if (most == 0 || address.is_local() || is_trusted(config().forwarding, address)) return false;
  counted_ = context_.counts.enter(address, most);
  return !counted_;
}

void ClientConnection::retire(Duration quiet, Duration tunnel_bound) {
  stream_.retire(quiet);
  if (exchange_) exchange_->retire(tunnel_bound);
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
  const bool slow = error.code == ErrorCode::timed_out;
  const auto disposition = slow ? Disposition::failed_client_timeout : Disposition::failed_bad_request;
  counters.end(disposition);
  if (context_.exchange.access.is_on()) log_refusal(error, disposition);
  stream_.send_own(error_answer(config(), error.status == 0 ? 400 : error.status, error.message));
  stream_.finish();  // Lingers until what is kept has left.
}

void ClientConnection::log_refusal(const Error& error, Disposition disposition) {
  observe::AccessRecord record =
      stream_.has_request() ? access_record(stream_.request()) : access_record(http::RequestHead());
  record.client = stream_.client().ip;
  record.reason = reason_for_refusal(error);
  record.disposition = disposition;
  record.status = error.status == 0 ? 400 : error.status;
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
