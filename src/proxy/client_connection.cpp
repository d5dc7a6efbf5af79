#include "proxy/client_connection.h"

#include <limits>
#include <utility>

#include "proxy/access.h"
#include "proxy/cause_of.h"
#include "proxy/local_reply.h"
#include "proxy/trust.h"

namespace sluice::proxy {

ClientConnection& ClientConnection::make(std::unique_ptr<wire::ServerConnection> connection,
                                         ClientContext& context, ListenerName listener) {
  return *std::make_unique<ClientConnection>(std::move(connection), context, std::move(listener)).release();
}

ClientConnection::ClientConnection(std::unique_ptr<wire::ServerConnection> connection, ClientContext& context,
                                   ListenerName listener)
    : context_(context), came_by_(std::move(listener)), connection_(std::move(connection)) {}

ClientConnection::~ClientConnection() {
  while (ActiveStream* stream = streams_.front()) drop(*stream);
  if (counted_) context_.counts.leave(connection_->client().address);
}

void ClientConnection::begin() {
  const Result<void> is_in = let_in();
  is_in ? connection_->start(*this) : connection_->refuse(*this, is_in.error());
}

/// It counts, but is not one too many.
void ClientConnection::count() {
  const Address& address = connection_->client().address;
  if (is_limited(address)) {
    counted_ = context_.counts.enter(address, std::numeric_limits<uint64_t>::max());
  }
}

void ClientConnection::go_on() {
  count();
  connection_->start(*this);
}

Result<void> ClientConnection::begin_tunnel(MigratedConnection moved,
                                            const std::shared_ptr<upstream::Pool>& pool) {
  auto& tunnel = *moved.record.tunnel;
  count();
  const auto stream = connection_->start_tunnel(*this, tunnel.head, std::move(tunnel.up));
  if (!stream) return stream.error();
  ActiveStream& active = add_stream();
  auto gone_on =
      active.resume(context_.exchange, **stream, *context_.generation, context_.worker, pool, tunnel,
                    std::move(moved.backend), [this, &active](Ending ending) { leave(active, ending); });
  if (!gone_on) drop(active);
  return gone_on;
}

// ---- its streams

ActiveStream& ClientConnection::add_stream() {
  ActiveStream& stream = *context_.active_streams.take().release();
  streams_.push_back(stream);
  stream.set_listener(*came_by_);
  return stream;
}

void ClientConnection::drop(ActiveStream& stream) {
  stream.of_connection.unlink();
  const FreeList<ActiveStream>::Item unused(&stream);
}

/// A connection that is a tunnel has no other stream.
ActiveStream* ClientConnection::tunnel() const {
  ActiveStream* const stream = streams_.front();
  return stream != nullptr && stream == streams_.back() && stream->is_tunnel() ? stream : nullptr;
}

void ClientConnection::on_login_ended() {
  const Alive::Watch watch(alive_);
  for (ActiveStream* stream = streams_.front(); watch && stream != nullptr;) {
    ActiveStream* const next = streams_.next(*stream);
    stream->login_ended();
    stream = next;
  }
}

// ---- limits of clients

/// A proxy in front of many clients is not one client.
bool ClientConnection::is_limited(const Address& client) const {
  return config().limits.connections_per_client != 0 && !client.is_local() &&
         !is_trusted(config().forwarding, client);
}

/// Counts it, when there is a limit.
Result<void> ClientConnection::let_in() {
  const Address& address = connection_->client().address;
  if (!is_limited(address)) return {};
  counted_ = context_.counts.enter(address, config().limits.connections_per_client);
  if (counted_) return {};
  return Error{.code = ErrorCode::too_large,
               .message = "too many connections of this client",
               .origin = Origin::downstream,
               .status = 429};
}

// ---- its end, and its next owner

void ClientConnection::retire(Patience patience) {
  connection_->retire(patience == Patience::quiet ? kRetireGrace : context_.wire.settings.idle_timeout);
  bound_tunnel();
  for (ActiveStream* stream = streams_.front(); stream != nullptr; stream = streams_.next(*stream)) {
    stream->retire(tunnel_ends_);
  }
}

void ClientConnection::bound_tunnel() {
  tunnel_ends_ = context_.tunnel_ends(tunnel_ends_);
}

void ClientConnection::migrate() {
  bound_tunnel();
  if (ActiveStream* const stream = tunnel()) return move_tunnel(*stream);
  for (ActiveStream* stream = streams_.front(); stream != nullptr; stream = streams_.next(*stream)) {
    stream->when_tunnel([this, stream] { move_tunnel(*stream); });
  }
  connection_->suspend_when_idle();
}

const std::string* ClientConnection::cancel_migration() {
  // What was to move and could not is to end; of a listener that is gone it still is.
  if (!is_to_move()) return nullptr;
  connection_->stay();
  tunnel_ends_.reset();
  for (ActiveStream* stream = streams_.front(); stream != nullptr; stream = streams_.next(*stream)) {
    stream->stay();
  }
  return std::exchange(listener_, nullptr);
}

void ClientConnection::move_tunnel(ActiveStream& stream) {
  auto left = stream.suspend_tunnel();
  if (!left) return retire(Patience::idle);
  MigratedConnection moved{
      .record = {.listener = *listener_,
                 .at = {.client = connection_->client(), .requests = connection_->requests()}},
      .client = std::move(left->client),
      .backend = std::move(left->backend)};
  moved.record.tunnel = std::move(left->state);
  context_.on_moved(std::move(moved));
  on_over();
}

void ClientConnection::on_idle() {
  auto suspended = connection_->suspend();
  if (!suspended) return retire(Patience::idle);
  context_.on_moved({.record = {.listener = *listener_, .at = std::move(suspended->at)},
                     .client = std::move(suspended->connection)});
  on_over();
}

void ClientConnection::end() {
  if (connection_->is_lingering()) return;
  if (streams_.empty() || tunnel() != nullptr) return close();
  connection_->retire(Duration::zero());
  const Alive::Watch watch(alive_);
  for (ActiveStream* stream = streams_.front(); watch && stream != nullptr;) {
    ActiveStream* const next = streams_.next(*stream);
    end(*stream);
    stream = next;
  }
}

void ClientConnection::end(ActiveStream& stream) {
  if (!stream.is_tunnel() && !stream.client().is_committed()) return stream.answer_stopped();
  stream.stop();  // It must not pass for a whole one.
  leave(stream, Ending::abort);
}

void ClientConnection::close() {
  for (ActiveStream* stream = streams_.front(); stream != nullptr; stream = streams_.next(*stream)) {
    stream->stop();
  }
  on_over();
}

// ---- what comes on it

void ClientConnection::on_request(wire::ServerStream& stream) {
  context_.exchange.counters.accepted.add();
  ActiveStream& active = add_stream();
  if (tunnel_ends_) active.retire(tunnel_ends_);
  active.start(
      context_.exchange, stream, *context_.generation, context_.worker,
      [this, &active](Ending ending) { leave(active, ending); }, &logins_);
}

/// The request has its outcome: its active stream goes first, since the connection may begin the next one at
/// once.
void ClientConnection::leave(ActiveStream& active, Ending ending) {
  wire::ServerStream& stream = active.client();
  drop(active);
  ending == Ending::abort ? stream.abort() : stream.finish();
}

void ClientConnection::on_bad_request(wire::ServerStream& stream, const Error& error) {
  auto& counters = context_.exchange.counters;
  counters.accepted.add();
  const auto cause = cause_of_refusal(error);
  counters.end(entry(cause).disposition);
  counters.tallies.of({}, {}).add(observe::Event::failed, cause);
  const LocalReply reply = error_reply(config(), {.cause = cause, .details = error.message});
  const wire::ReplySent own = stream.send_reply(reply.response());
  if (context_.exchange.access.is_on()) log_refusal(stream, cause, own.content_size);
  stream.finish();  // Lingers until what is kept has left.
}

void ClientConnection::log_refusal(const wire::ServerStream& stream, observe::Cause cause, size_t sent) {
  observe::AccessRecord record = access_record(stream.request());
  record.client = connection_->client().ip;
  record.listener = *came_by_;
  record.reason = name(cause);
  record.disposition = entry(cause).disposition;
  record.status = entry(cause).status;
  record.sent = sent;
  record.generation = context_.generation->shared->number();
  context_.exchange.access.write(record);
}

void ClientConnection::on_over() {
  const std::unique_ptr<ClientConnection> self(this);  // Lives to the end of this call.
  hook.unlink();
  while (ActiveStream* stream = streams_.front()) drop(*stream);
  context_.on_connection_over();
}

}  // namespace sluice::proxy
