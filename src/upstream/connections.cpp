#include <sluice/http/proxy_protocol.h>
#include <sluice/upstream/connections.h>

#include <algorithm>
#include <utility>

namespace sluice::upstream {

using wire::ClientConnection;
using wire::ClientStream;

namespace {

std::string preface_of(const StreamRequest& request) {
  if (request.proxy_protocol == config::ProxyProtocol::none) return {};
  const wire::Client& client = *request.client;
  return request.proxy_protocol == config::ProxyProtocol::v1
             ? http::proxy_header_v1(client.address, client.local)
             : http::proxy_header_v2(client.address, client.local);
}

}  // namespace

Connector network_connector(net::Network& network, wire::ClientCodec codec) {
  return {.deadlines = network.executor().deadlines(),
          .connect =
              [&network](const Address& address, net::OnConnected on_connected) {
                return network.connect(address, std::move(on_connected));
              },
          .adopt = [&network](net::Descriptor connection) { return network.adopt(std::move(connection)); },
          .codec = std::move(codec)};
}

Connections::Connections(const BackendState& backend, const Connector& connector)
    : state_(backend), connector_(connector) {}

Connections::~Connections() = default;

void Connections::configure(Duration idle) {
  idle_timeout_ = idle;
  if (idle_timeout_ == Duration::zero()) close_idle();
  arm_idle();
}

// ---- a stream at once

StreamPtr Connections::try_stream(const StreamRequest& request) {
  if (request.proxy_protocol != config::ProxyProtocol::none) return nullptr;
  if (!busy_.empty()) {
    if (auto stream = stream_beside_others()) return stream;
  }
  if (idle_.empty()) return nullptr;
  const TimePoint time = now();
  const Duration longest = time - idle_.front().since;
  if (lifetime_.closes_each()) {
    if (longest < IdleLifetime::kLong) return nullptr;
    look_at_oldest(longest, time);
    if (lifetime_.closes_each()) return nullptr;
  } else if (!request.may_be_repeated) {
    look_at_oldest(longest, time);
  }
  if (request.may_be_repeated) return stream_on(take_last());
  // The request must not be lost to a connection that its backend was about to close.
  if (lifetime_.is_unknown()) return nullptr;
  const Duration trusted = lifetime_.trusted(request.unproven);
  while (!idle_.empty() && time - idle_.back().since <= trusted) {
    auto connection = take_last();
    if (!connection->is_stale()) return stream_on(std::move(connection));
  }
  return nullptr;
}

/// That its end has not been read does not say that it is open: this thread may be late.
void Connections::look_at_oldest(Duration idle, TimePoint time) {
  if (lifetime_.is_news(idle, time) && !idle_.front().connection->is_stale()) lifetime_.survived(idle, time);
}

/// The connection that was used last: the others may get old enough to be closed.
std::unique_ptr<ClientConnection> Connections::take_last() {
  auto connection = std::move(idle_.back().connection);
  idle_.pop_back();
  return connection;
}

StreamPtr Connections::stream_on(std::unique_ptr<ClientConnection> connection) {
  connection->note_reuse();
  StreamPtr stream(&connection->open_stream());
  // Without room for another one the connection is its stream's, until that is given back.
  connection->has_room() ? busy_.push_back(std::move(connection)) : static_cast<void>(connection.release());
  return stream;
}

StreamPtr Connections::stream_beside_others() {
  const auto found = std::ranges::find_if(busy_, [](const auto& each) { return each->has_room(); });
  if (found == busy_.end()) return nullptr;
  (*found)->note_reuse();
  return StreamPtr(&(*found)->open_stream());
}

// ---- a new connection

std::unique_ptr<ClientConnection> Connections::make(std::unique_ptr<net::Transport> transport) {
  auto connection = connector_.codec(std::move(transport));
  connection->set_owner(*this);
  return connection;
}

Wait Connections::open_stream(const StreamRequest& request, OnStream on_stream) {
  return connector_.connect(state_.address(),
                            [this, preface = preface_of(request), on_stream = std::move(on_stream)](
                                Result<std::unique_ptr<net::Transport>> transport) {
                              on_stream(first_stream(std::move(transport), preface));
                            });
}

Result<StreamPtr> Connections::first_stream(Result<std::unique_ptr<net::Transport>> transport,
                                            std::string_view preface) {
  if (!transport) {
    Error error = std::move(transport).error();
    error.origin = Origin::upstream;
    return error;
  }
  auto connection = make(*std::move(transport));
  if (!preface.empty()) {
    connection->send_preface(preface);
    connection->bind_to(ClientConnection::Serves::one_client);
  }
  StreamPtr stream(&connection->open_stream());
  const bool may_be_shared = preface.empty() && connection->has_room();
  may_be_shared ? busy_.push_back(std::move(connection)) : static_cast<void>(connection.release());
  return stream;
}

Result<StreamPtr> Connections::resume_tunnel(net::Descriptor descriptor, std::string read) {
  auto transport = connector_.adopt(std::move(descriptor));
  if (!transport) return std::move(transport).error();
  auto connection = make(*std::move(transport));
  auto stream = connection->resume_tunnel(std::move(read));
  if (!stream) return std::move(stream).error();
  static_cast<void>(connection.release());
  return StreamPtr(*stream);
}

// ---- back

void Connections::heed(const http::ResponseHead& head) {
  if (head.has(http::FieldName::keep_alive)) lifetime_.advertised(head.find(http::FieldName::keep_alive));
}

void Connections::give_back(StreamPtr stream) {
  ClientConnection& connection = stream->connection();
  stream_over(connection, connection.finish_stream(*stream.release()));
}

void Connections::on_stream_dropped(ClientStream& stream) {
  ClientConnection& connection = stream.connection();
  stream_over(connection, connection.reset_stream(stream));
}

void Connections::stream_over(ClientConnection& connection, bool is_usable) {
  auto whole = reclaim(connection);
  if (!whole || !is_usable || whole->serves() != ClientConnection::Serves::anyone) return;
  if (idle_timeout_ == Duration::zero() || state_.health() != HealthState::healthy) return;
  rest(std::move(whole));
}

/// The connection, now that no request uses it; null while others do.
std::unique_ptr<ClientConnection> Connections::reclaim(ClientConnection& connection) {
  if (!busy_.empty()) {
    const auto is_it = [&](const auto& each) { return each.get() == &connection; };
    const auto found = std::ranges::find_if(busy_, is_it);
    if (found != busy_.end()) {
      if (connection.is_busy()) return nullptr;
      auto whole = std::move(*found);
      busy_.erase(found);
      return whole;
    }
  }
  return std::unique_ptr<ClientConnection>(&connection);
}

void Connections::rest(std::unique_ptr<ClientConnection> connection) {
  if (connection->is_reused()) lifetime_.answered_again();
  if (lifetime_.closes_each() && !idle_.empty()) return;  // One is enough to see whether that changes.
  // Until a connection has been used again, each request that may be sent only once opens a new one: a
  // backend would get hundreds that are never used again, each for as long as the idle timeout.
  if (lifetime_.is_unknown() && idle_.size() >= most_at_once_) return;
  idle_.push_back({std::move(connection), now()});
  if (!idle_deadline_.is_armed()) arm_idle();
}

// ---- at rest

/// For the longest idle. A request that takes that one leaves the deadline as it is.
void Connections::arm_idle() {
  if (idle_.empty()) return idle_deadline_.disarm();
  const Duration left = idle_timeout_ - (now() - idle_.front().since);
  connector_.deadlines.arm(idle_deadline_, std::max(left, Duration{1}));
}

void Connections::retire() {
  const TimePoint time = now();
  const auto is_young = [&](const Idle& each) { return time - each.since < idle_timeout_; };
  const auto first_young = std::ranges::find_if(idle_, is_young);
  for (auto each = idle_.begin(); each != first_young; ++each) {
    learn(*each->connection, time - each->since, idle_timeout_);
  }
  idle_.erase(idle_.begin(), first_young);
  arm_idle();
}

void Connections::on_connection_gone(ClientConnection& connection) {
  for (BoundConnection* place = bound_.front(); place != nullptr; place = bound_.next(*place)) {
    if (place->connection_.get() == &connection) return bound_ended(*place);
  }
  const auto is_it = [&](const Idle& each) { return each.connection.get() == &connection; };
  const auto found = std::ranges::find_if(idle_, is_it);
  CHECK(found != idle_.end());
  const Idle gone = std::move(*found);  // Destroyed last: it is calling us.
  idle_.erase(found);
  learn(connection, now() - gone.since, idle_timeout_);
}

/// It was idle for `most`, or the backend has closed it.
void Connections::learn(const ClientConnection& gone, Duration idle, Duration most) {
  const bool was_retired = idle >= most && !gone.is_stale();  // Its deadline may come before its end is read.
  was_retired ? lifetime_.survived(idle, now()) : lifetime_.closed_after(idle, now());
  if (!was_retired && !gone.is_reused()) lifetime_.closed_after_one(idle);
}

// ---- for one client alone

StreamPtr Connections::try_bound(BoundConnection& place, bool may_be_repeated) {
  if (!place.is_resting()) return nullptr;
  const Duration idle = now() - place.since_;
  auto connection = place.take();
  if (connection->is_stale()) {
    learn(*connection, idle, place.most_);
    return nullptr;
  }
  lifetime_.survived(idle, now());
  // The client logs in again on another connection, which costs less than a failed request.
  if (!may_be_repeated && lifetime_.may_close_at(idle)) return nullptr;
  connection->note_reuse();
  return StreamPtr(&connection.release()->open_stream());
}

bool Connections::keep(StreamPtr stream, BoundConnection& place, Duration most) {
  ClientConnection& connection = stream->connection();
  const bool is_usable = connection.finish_stream(*stream.release());
  auto whole = reclaim(connection);
  if (!whole || !is_usable) return false;
  whole->bind_to(ClientConnection::Serves::login);
  place.close();
  place.connection_ = std::move(whole);
  place.since_ = now();
  place.most_ = most;
  place.deadline_.set_callback([this, &place] { bound_ended(place); });
  connector_.deadlines.arm(place.deadline_, most);
  bound_.push_back(place);
  return true;
}

void Connections::bound_ended(BoundConnection& place) {
  const auto gone = place.take();  // Destroyed last: it may be calling us.
  learn(*gone, now() - place.since_, place.most_);
  place.on_end_();
}

}  // namespace sluice::upstream
