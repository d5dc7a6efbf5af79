// The client's side of HTTP/1: reading requests, and what comes between two of them.
#include "wire/http1_server_connection.h"

#include <utility>

namespace sluice::wire {
namespace {

constexpr size_t kMaxBuffered = size_t{16} * 1024;

}  // namespace

Http1ServerConnection::Http1ServerConnection(std::unique_ptr<net::Transport> transport, BetweenRequests from,
                                             ServerContext& context)
    : transport_(std::move(transport)),
      context_(context),
      requests_(from.requests),
      buffered_(std::move(from.bytes)),
      client_(std::move(from.client)) {}

Http1ServerConnection::~Http1ServerConnection() {
  context_.resting.remove(*this);
}

void Http1ServerConnection::start(ServerHandler& handler) {
  handler_ = &handler;
  become_idle();
  transport_->start_reading(*this);
  if (buffered_.empty()) return;
  const std::string bytes = std::exchange(buffered_, {});
  on_bytes(bytes);
}

Result<ServerStream*> Http1ServerConnection::start_tunnel(ServerHandler& handler, std::string_view head,
                                                          std::string read) {
  handler_ = &handler;
  auto reading = context_.readings.take();
  // It was within the limits when it came.
  http::HeadDecoder decoder(http::HeadDecoder::Of::request,
                            {.bytes = head.size(), .fields = head.size(), .target_bytes = head.size()});
  const auto progress = decoder.decode(head, reading->head);
  if (!progress) return progress.error();
  if (!progress->complete) return client_error(ErrorCode::malformed, "not a whole head", 400);
  state_ = State::exchange;
  closing_ = true;
  buffered_ = std::move(read);
  reading_stopped_ = true;
  stream_.begin_tunnel(std::move(reading));
  return &stream_;
}

void Http1ServerConnection::refuse(ServerHandler& handler, const Error& error) {
  handler_ = &handler;
  transport_->stop_reading();
  reading_stopped_ = true;  // Until the answer lingers.
  refuse(error);
}

// ---- reading

void Http1ServerConnection::on_bytes(std::string_view bytes) {
  Alive::Watch watch(alive_);
  processing_ = true;
  while (!bytes.empty()) {
    size_t used = 0;
    if (state_ == State::lingering) {
      used = bytes.size();
    } else if (state_ != State::exchange) {
      used = read_head(bytes);
    } else if (stream_.wants_body()) {
      used = stream_.read_body(bytes);
      if (watch && stream_.has_delivered_all()) stream_.end_body_read({});
    } else {
      keep(bytes);
      break;
    }
    if (!watch) return;
    bytes.remove_prefix(used);
  }
  unread_ = {};
  processing_ = false;
}

/// Returns how much of `bytes` was used; calls out when a head is complete or bad.
size_t Http1ServerConnection::read_head(std::string_view bytes) {
  if (!reading_) {
    reading_ = context_.readings.take();
    reading_->decoder.set_limits(context_.settings.head);
  }
  auto progress = reading_->decoder.decode(bytes, reading_->head);
  if (!progress) {
    const Error error = std::move(progress).error();
    refuse(error);
    return bytes.size();
  }
  if (!progress->complete) {
    if (state_ == State::idle && reading_->decoder.has_begun()) {
      state_ = State::head;
      context_.resting.remove(*this);
      timeouts_.await_head();
    }
    return bytes.size();
  }
  const size_t used = progress->used;
  unread_ = bytes.substr(used);
  begin_exchange();
  return used;
}

void Http1ServerConnection::begin_exchange() {
  state_ = State::exchange;
  context_.resting.remove(*this);
  if (ended_) watch_client();
  ++requests_;
  timeouts_.stop();
  stream_.begin(std::move(reading_));
  const auto& settings = context_.settings;
  const http::Framing& framing = stream_.request().framing;
  if (settings.requests_per_connection != 0 && requests_ >= settings.requests_per_connection) closing_ = true;
  if (settings.body_bytes && framing.kind == http::Framing::Kind::length &&
      framing.length > *settings.body_bytes) {
    closing_ = true;
    return handler_->on_bad_request(
        stream_, client_error(ErrorCode::too_large, "the request body is over the limit", 413));
  }
  handler_->on_request(stream_);
}

/// What came is no request, and the connection's state is in doubt: the answer to it is the last one.
void Http1ServerConnection::refuse(const Error& error) {
  state_ = State::exchange;
  context_.resting.remove(*this);
  timeouts_.stop();
  closing_ = true;
  unread_ = {};
  // An empty head when not a byte of a request has come.
  stream_.begin_refused(reading_ ? std::move(reading_) : context_.readings.take());
  handler_->on_bad_request(stream_, error);
}

/// A stream that holds its body up holds up the client. Else the client is read on, up to a bound: an
/// exchange that waits for a backend is to learn when the client leaves.
void Http1ServerConnection::keep(std::string_view bytes) {
  buffered_.append(bytes);
  if (reading_stopped_ || (!stream_.holds_up_client() && buffered_.size() < kMaxBuffered)) return;
  reading_stopped_ = true;
  transport_->stop_reading();
}

void Http1ServerConnection::read_on() {
  if (!reading_stopped_ || ended_ || buffered_.size() >= kMaxBuffered) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

void Http1ServerConnection::process_kept() {
  if (processing_) return;
  Alive::Watch watch(alive_);
  if (!buffered_.empty()) {
    const std::string bytes = std::exchange(buffered_, {});
    on_bytes(bytes);
    if (!watch) return;
  }
  if (ended_ && !stream_.is_tunnel()) return process_end();
  if (ended_ && buffered_.empty()) return stream_.end_body_read({});
  if (state_ == State::exchange && !stream_.is_body_complete() && !stream_.wants_body()) return;
  read_on();
}

void Http1ServerConnection::on_end(Result<void> how) {
  ended_ = true;
  // The client may still read, and what is kept for it is the end of its answer, after which it is closed.
  if (state_ == State::lingering && how && transport_->pending_bytes() > 0) return;
  timeouts_.stop();
  if (state_ != State::exchange) return leave();
  if (!how) return lose_client(client_error(how.error().code, how.error().message, 0));
  if (stream_.is_tunnel()) return stream_.end_body_read({});  // One direction alone.
  process_end();
}

/// The client has sent its last byte, and all that was wanted of it was used.
void Http1ServerConnection::process_end() {
  if (state_ == State::lingering) return;
  if (state_ != State::exchange) return leave();
  if (stream_.is_cut(buffered_)) return lose_client(client_left());
  watch_client();
  if (stream_.is_committed()) half_closed_->expect_answer_to_flow();
}

void Http1ServerConnection::watch_client() {
  if (half_closed_) return;
  half_closed_ = std::make_unique<HalfClosedClient>(context_.deadlines, *transport_,
                                                    [this] { lose_client(client_left()); });
}

bool Http1ServerConnection::has_left() {
  // Nothing is sent ahead within an answer, or a tunnel.
  if (half_closed_ || stream_.is_committed()) return transport_->has_broken();
  if (ended_ || !reading_stopped_ || !transport_->has_hung_up()) return false;
  if (transport_->has_broken()) return true;
  watch_client();
  return false;
}

void Http1ServerConnection::lose_client(const Error& error) {
  closing_ = true;
  stream_.lose_client(error);
}

void Http1ServerConnection::on_timeout(ClientTimeouts::For what) {
  switch (what) {
    case ClientTimeouts::For::request:
      // What is here already, though not yet read, came in time.
      return transport_->is_stale() ? timeouts_.look_again() : leave();
    case ClientTimeouts::For::head:
      return refuse(client_error(ErrorCode::timed_out, "the request's head took too long", 408));
    case ClientTimeouts::For::body:
      return stream_.end_body_read(
          client_error(ErrorCode::timed_out, "the request's body took too long", 408));
    case ClientTimeouts::For::write:
      return lose_client(client_error(ErrorCode::timed_out, "the client takes nothing", 0));
    case ClientTimeouts::For::linger:
      // A client that has not got all must not take what it has for the whole.
      if (transport_->pending_bytes() > 0) transport_->reset_on_close();
      leave();
  }
}

bool Http1ServerConnection::close_if_quiet() {
  if (transport_->is_stale()) return false;
  leave();
  return true;
}

// ---- its stream's answer, and what comes after it

net::Flow Http1ServerConnection::write(std::span<std::string_view> pieces, bool is_final) {
  if (half_closed_) half_closed_->skip_sent(pieces.front(), is_final);
  return transport_->write(pieces);
}

void Http1ServerConnection::begin_tunnel() {
  closing_ = true;
  timeouts_.stop();
  half_closed_.reset();  // From now on one direction may end long before the other.
}

void Http1ServerConnection::on_finished(const Http1ServerStream::End& end) {
  timeouts_.stop();
  half_closed_.reset();
  const bool client_stays = end.keep_alive && !nothing_follows();
  const bool must_end = is_to_end() && (end.said_close || !timeouts_.ends_soon());
  if (must_end || !end.request_read || !client_stays) {
    // A client that meant to stay may have sent more already, and a client that has not sent all of its
    // request surely does. From a client that has ended its direction all was read.
    const bool more_may_come = !ended_ && (client_stays || !unread_.empty() || !buffered_.empty());
    const bool all_sent = transport_->pending_bytes() == 0;
    if (!more_may_come && all_sent && (end.request_read || ended_)) return leave();
    return linger();
  }
  become_idle();
  if (std::exchange(is_awaited_, false)) {
    const Alive::Watch watch(alive_);
    handler_->on_idle();
    if (!watch) return;
  }
  process_kept();
}

void Http1ServerConnection::on_aborted() {
  timeouts_.stop();
  transport_->reset_on_close();
  leave();
}

void Http1ServerConnection::become_idle() {
  state_ = State::idle;
  context_.resting.add(*this, context_.deadlines.clock().now());
  timeouts_.await_request();
}

/// Closing with bytes unread would reset the connection and could destroy the answer on its way (RFC
/// 9112 9.6): ends our direction first, and throws away what still comes, for a while.
void Http1ServerConnection::linger() {
  state_ = State::lingering;
  buffered_.clear();
  transport_->shutdown();
  if (transport_->pending_bytes() == 0) {
    timeouts_.await_close();
  } else {
    timeouts_.await_last_write(
        *transport_, [this](const Result<void>& how) { !how || ended_ ? leave() : timeouts_.await_close(); });
  }
  if (!reading_stopped_ || ended_) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

// ---- what its owner asks for

void Http1ServerConnection::retire(Duration quiet) {
  retires_ = true;
  is_awaited_ = false;
  timeouts_.retire(quiet, state_ == State::idle);
}

void Http1ServerConnection::stay() {
  is_awaited_ = false;
  if (!retires_ || stream_.said_close()) return;
  retires_ = false;
  timeouts_.stay(state_ == State::idle);
}

void Http1ServerConnection::suspend_when_idle() {
  const bool is_free = state_ == State::idle || state_ == State::head;
  if (is_free && !is_to_end()) return handler_->on_idle();
  is_awaited_ = !is_to_end();
}

Result<SuspendedConnection> Http1ServerConnection::suspend() {
  auto connection = transport_->duplicate();
  if (!connection) return std::move(connection).error();
  BetweenRequests left{.client = client_, .requests = requests_};
  if (reading_) left.bytes = reading_->decoder.taken(reading_->head);
  left.bytes.append(unread_).append(buffered_);
  return SuspendedConnection{.at = std::move(left), .connection = *std::move(connection)};
}

}  // namespace sluice::wire
