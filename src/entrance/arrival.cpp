#include <sluice/entrance/arrival.h>
#include <sluice/http/proxy_protocol.h>

#include <utility>

namespace sluice::entrance {

Arrival& Arrival::make(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                       wire::ServerContext& context, ArrivalOwner& owner) {
  auto self = std::make_unique<Arrival>(std::move(transport), std::move(from), context, owner);
  Arrival& made = *self;
  made.self_ = std::move(self);
  return made;
}

Arrival::Arrival(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                 wire::ServerContext& context, ArrivalOwner& owner)
    : transport_(std::move(transport)), at_(std::move(from)), context_(context), owner_(&owner) {}

Arrival::~Arrival() {
  context_.resting.remove(*this);
}

void Arrival::begin() {
  context_.deadlines.arm(deadline_, context_.settings.head_timeout);
  context_.resting.add(*this, context_.deadlines.clock().now());
  transport_->start_reading(*this);
  if (!at_.bytes.empty()) read_header();
}

void Arrival::on_bytes(std::string_view bytes) {
  at_.bytes.append(bytes);
  read_header();
}

/// A connection that does not begin with a header is dropped without a word: it may be no HTTP at all.
void Arrival::read_header() {
  const auto read = http::read_proxy_header(at_.bytes);
  if (!read) return lose();
  if (!*read) return;
  const auto& header = (*read)->header;
  if (header.source) at_.client.address = *header.source, at_.client.ip = header.source->ip_text();
  if (header.destination) at_.client.local = *header.destination;
  at_.bytes.erase(0, (*read)->length_bytes);
  at_.awaits_preface = false;
  const auto self = std::move(self_);  // Lives to the end of this call.
  list_hook.unlink();
  context_.resting.remove(*this);
  owner_->on_arrived(std::move(transport_), std::move(at_));
}

void Arrival::on_end(Result<void>) {
  lose();
}

bool Arrival::close_if_quiet() {
  if (transport_->is_stale()) return false;
  lose();
  return true;
}

void Arrival::lose() {
  const auto self = std::move(self_);  // Lives to the end of this call.
  list_hook.unlink();
  owner_->on_lost();
}

Result<wire::SuspendedConnection> Arrival::suspend() {
  auto connection = transport_->duplicate();
  if (!connection) return std::move(connection).error();
  return wire::SuspendedConnection{.at = std::move(at_), .connection = *std::move(connection)};
}

void Arrival::close() {
  const auto self = std::move(self_);
}

}  // namespace sluice::entrance
