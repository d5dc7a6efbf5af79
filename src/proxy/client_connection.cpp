#include "proxy/client_connection.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/access.h"
#include "proxy/cause_of.h"
#include "proxy/local_reply.h"
#include "proxy/trust.h"

namespace sluice::proxy {

ClientConnection& ClientConnection::start(std::unique_ptr<net::Transport> transport,
                                          const wire::ServerOptions& options, ClientContext& context,
                                          ListenerName listener) {
  auto self = std::make_unique<ClientConnection>(std::move(transport), options, context, std::move(listener));
  ClientConnection& connection = *self;
  connection.self_ = std::move(self);
  // With a PROXY protocol header the limit is for the client that it names, not for the peer.
  const Result<void> let_in = options.proxy_protocol ? Result<void>() : connection.let_in();
  let_in ? connection.stream_.start() : connection.stream_.start_refused(let_in.error());
  return connection;
}

ClientConnection& ClientConnection::adopt(std::unique_ptr<net::Transport> transport, ClientContext& context,
                                          ListenerName listener) {
  auto self = std::make_unique<ClientConnection>(std::move(transport), wire::ServerOptions(), context,
                                                 std::move(listener));
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

Result<void> ClientConnection::begin_tunnel(MigratedConnection moved,
                                            const std::shared_ptr<upstream::Pool>& pool) {
  auto& tunnel = *moved.record.tunnel;
  count(moved.record.at);
  auto started = stream_.start_tunnel(std::move(moved.record.at), tunnel.head, std::move(tunnel.up));
  if (!started) return started;
  active_ = context_.active_streams.take();
  active_->set_listener(*came_by_);
  auto gone_on = active_->resume(context_.exchange, stream_, *context_.generation, context_.worker, pool,
                                 tunnel, std::move(moved.backend), [this](Ending ending) { leave(ending); });
  if (!gone_on) active_.reset();
  return gone_on;
}

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const wire::ServerOptions& options, ClientContext& context,
                                   ListenerName listener)
    : context_(context),
      came_by_(std::move(listener)),
      stream_(std::move(transport), options, context.wire, *this) {}

ClientConnection::~ClientConnection() {
  if (counted_) context_.counts.leave(stream_.client().address);
}

/// A proxy in front of many clients is not one client.
bool ClientConnection::is_limited(const Address& client) const {
  return config().limits.connections_per_client != 0 && !client.is_local() &&
         !is_trusted(config().forwarding, client);
}

/// Counts it, when there is a limit.
Result<void> ClientConnection::let_in() {
  const Address& address = stream_.client().address;
  if (!is_limited(address)) return {};
  counted_ = context_.counts.enter(address, config().limits.connections_per_client);
  if (counted_) return {};
  return Error{.code = ErrorCode::too_large,
               .message = "too many connections of this client",
               .origin = Origin::downstream,
               .status = 429};
}

Result<void> ClientConnection::on_client_known() {
  return let_in();
}

void ClientConnection::retire(Patience patience) {
  stream_.retire(patience == Patience::quiet ? kRetireGrace : context_.wire.settings.idle_timeout);
  bound_tunnel();
  if (active_) active_->retire(tunnel_ends_);
}

void ClientConnection::bound_tunnel() {
  if (context_.tunnel_bound <= Duration::zero()) return;
  const TimePoint end = context_.exchange.deadlines.clock().now() + context_.tunnel_bound;
  tunnel_ends_ = std::min(tunnel_ends_.value_or(end), end);
}

void ClientConnection::migrate() {
  bound_tunnel();
  if (active_ && active_->is_tunnel()) return move_tunnel();
  if (active_) {
    active_->when_tunnel([this] { move_tunnel(); });
  }
  stream_.tell_between_requests();
}

const std::string* ClientConnection::cancel_migration() {
  // What was to move and could not is to end; of a listener that is gone it still is.
  if (!is_to_move()) return nullptr;
  stream_.stay();
  tunnel_ends_.reset();
  if (active_) active_->stay();
  return std::exchange(listener_, nullptr);
}

void ClientConnection::move_tunnel() {
  auto left = active_->suspend_tunnel();
  if (!left) return retire(Patience::idle);
  MigratedConnection moved{.record = {.listener = *listener_, .at = stream_.leave_off()},
                           .client = std::move(left->client),
                           .backend = std::move(left->backend)};
  moved.record.at.bytes.clear();  // They are the tunnel's.
  moved.record.tunnel = std::move(left->state);
  context_.on_moved(std::move(moved));
  on_connection_over();
}

void ClientConnection::on_between_requests() {
  auto descriptor = stream_.duplicate();
  if (!descriptor) return retire(Patience::idle);
  context_.on_moved(
      {.record = {.listener = *listener_, .at = stream_.leave_off()}, .client = *std::move(descriptor)});
  on_connection_over();
}

void ClientConnection::end() {
  if (stream_.is_lingering()) return;
  if (!active_ || active_->is_tunnel()) return close();
  if (stream_.is_committed()) {  // It must not pass for a whole one.
    active_->stop();
    return stream_.abort();
  }
  stream_.retire(Duration::zero());
  active_->answer_stopped();
}

void ClientConnection::close() {
  if (active_) active_->stop();
  on_connection_over();
}

void ClientConnection::on_request() {
  context_.exchange.counters.accepted.add();
  active_ = context_.active_streams.take();
  active_->set_listener(*came_by_);
  if (tunnel_ends_) active_->retire(tunnel_ends_);
  active_->start(
      context_.exchange, stream_, *context_.generation, context_.worker,
      [this](Ending ending) { leave(ending); }, &logins_);
}

/// The request has its outcome: its active stream goes first, since the stream may begin the next one at
/// once.
void ClientConnection::leave(Ending ending) {
  active_.reset();
  if (ending == Ending::abort) return stream_.abort();
  stream_.finish();
}

void ClientConnection::on_bad_request(const Error& error) {
  auto& counters = context_.exchange.counters;
  counters.accepted.add();
  const auto cause = cause_of_refusal(error);
  counters.end(entry(cause).disposition);
  counters.tallies.of({}, {}).add(observe::Event::failed, cause);
  const LocalReply reply = error_reply(config(), {.cause = cause, .details = error.message});
  const wire::OwnSent own = stream_.send_own(reply.response());
  if (context_.exchange.access.is_on()) log_refusal(cause, own.content_size);
  stream_.finish();  // Lingers until what is kept has left.
}

void ClientConnection::log_refusal(observe::Cause cause, size_t sent) {
  observe::AccessRecord record =
      stream_.has_request() ? access_record(stream_.request()) : access_record(http::RequestHead());
  record.client = stream_.client().ip;
  record.listener = *came_by_;
  record.reason = name(cause);
  record.disposition = entry(cause).disposition;
  record.status = entry(cause).status;
  record.sent = sent;
  record.generation = context_.generation->shared->number();
  context_.exchange.access.write(record);
}

void ClientConnection::on_client_gone(const Error& error) {
  if (active_) return active_->client_gone(error);
  stream_.abort();
}

void ClientConnection::on_connection_over() {
  const auto self = std::move(self_);  // Lives to the end of this call.
  hook.unlink();
  active_.reset();
  context_.on_connection_over();
}

}  // namespace sluice::proxy
