// The client's side of HTTP/1: the answer to a request, and what comes after it.
#include <sluice/wire/http1_server.h>

#include <array>
#include <utility>

#include "wire/slices.h"

namespace sluice::wire {

// ---- the response

void Http1ServerConnection::send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) {
  if (reading_->head.protocol == http::Protocol::http1_0) return;
  if (head.status == 100) {
    if (continue_sent_) return;  // Ours has gone out.
    continue_awaited_ = false;
    if (body_wanted()) expect_body();
  }
  context_.out.clear();
  http::write_interim_head(context_.out, head, edits);
  write({context_.out});
}

void Http1ServerConnection::send_continue() {
  if (!std::exchange(continue_awaited_, false)) return;
  continue_sent_ = true;
  if (body_wanted()) expect_body();
  write({"HTTP/1.1 100 Continue\r\n\r\n"});
}

Flow Http1ServerConnection::send_head(const http::ResponseHead& head, const http::FieldEdits* edits,
                                      Follows follows) {
  const bool bodiless = head.framing.kind == http::Framing::Kind::none;
  out_framing_ = bodiless ? head.framing : http::framing_towards(reading_->head.protocol, head.framing);
  // An answer that comes before the request's end ends the connection: what is left of the body must not be
  // read as the next request.
  if (out_framing_.kind == http::Framing::Kind::until_close || !reading_->head.keep_alive ||
      !body_.is_complete() || nothing_follows()) {
    closing_ = true;
  }
  said_close_ = is_to_end();
  out_head_ = std::move(context_.out);
  out_head_.clear();
  http::write_response_head(
      out_head_, head,
      {.framing = out_framing_,
       .close = is_to_end(),
       .say_keep_alive = !is_to_end() && reading_->head.protocol == http::Protocol::http1_0,
       .date = context_.date.at(context_.deadlines.clock().now()),
       .edits = edits});
  if (follows == Follows::body_at_once) return Flow::open;
  return write({});
}

Flow Http1ServerConnection::switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) {
  is_tunnel_ = closing_ = true;
  deadline_.disarm();
  out_framing_ = {.kind = http::Framing::Kind::until_close};
  body_.begin(out_framing_);
  out_head_.clear();
  http::write_response_head(out_head_, head, {.framing = {}, .upgraded = true, .edits = edits});
  return write({});
}

Result<TunnelEnd> Http1ServerConnection::leave_tunnel() {
  CHECK(is_tunnel_);
  auto connection = transport_->duplicate();
  if (!connection) return std::move(connection).error();
  return TunnelEnd{.connection = *std::move(connection),
                   .read = std::string(unread_).append(buffered_),
                   .unsent = transport_->kept()};
}

void Http1ServerConnection::discard_head() {
  CHECK(!committed_);
  out_head_.clear();
  said_close_ = false;  // The client has not seen it.
}

/// There is a whole request to answer, not just bytes that were refused.
bool Http1ServerConnection::is_known_request() const {
  return reading_ && reading_->head.is_whole();
}

OwnSent Http1ServerConnection::send_own(const http::OwnResponse& response) {
  CHECK(!committed_);
  out_head_.clear();
  const bool known = is_known_request();
  if (!known || !reading_->head.keep_alive || !body_.is_complete() || nothing_follows()) closing_ = true;
  said_close_ = is_to_end();
  const http::OwnResponseBytes own = http::own_response(
      response,
      {.to_head = known && reading_->head.is_head(),
       .close = is_to_end(),
       .say_keep_alive = known && !is_to_end() && reading_->head.protocol == http::Protocol::http1_0,
       .date = context_.date.at(context_.deadlines.clock().now()),
       .as_json = known && http::prefers_json(reading_->head)});
  committed_ = true;
  return {.flow = write({own.bytes}), .content_size = own.content_size};
}

Flow Http1ServerConnection::write_body(Slices pieces) {
  committed_ = true;
  switch (out_framing_.kind) {
    case http::Framing::Kind::none:
      return write({});
    case http::Framing::Kind::length:
    case http::Framing::Kind::until_close:
      return write({}, pieces, {});
    case http::Framing::Kind::chunked:
    case http::Framing::Kind::stream_end:
      break;
  }
  std::string start;  // Within the small string's own room: no allocation.
  http::write_chunk_start(start, size_of(pieces));
  return write(start, pieces, http::kChunkEnd);
}

Flow Http1ServerConnection::end_body(const http::FieldList& trailers) {
  if (is_tunnel_) {
    const Flow flow = transport_->write({});
    transport_->shutdown();
    return flow;
  }
  if (out_framing_.kind == http::Framing::Kind::chunked) {
    return write({http::kLastChunkStart, trailers.lines(), http::kChunkEnd});
  }
  // Says whether all has left: what is kept, and a connection that broke, count as blocked.
  return out_head_.empty() ? transport_->write({}) : write({});
}

Flow Http1ServerConnection::write(std::initializer_list<std::string_view> pieces) {
  return write({}, pieces, {});
}

/// Writes what was given of the head, and all of these, as one.
Flow Http1ServerConnection::write(std::string_view before, Slices pieces, std::string_view behind) {
  std::array<std::string_view, kMaxSlices + 3> all;
  const size_t count = gather(all, out_head_, before, pieces, behind);
  if (!out_head_.empty()) committed_ = true;
  if (count == 0) return Flow::open;
  if (half_closed_) skip_sent(all[0]);
  const Flow flow = transport_->write(std::span(all.data(), count));
  if (out_head_.capacity() > context_.out.capacity()) context_.out = std::move(out_head_);
  out_head_.clear();
  return flow;
}

Wait Http1ServerConnection::when_writable(std::function<void(Result<void>)> callback) {
  context_.deadlines.arm(write_deadline_, context_.settings.write_timeout);
  drained_ = transport_->when_writable([this](Result<void> how) { on_drained(std::move(how)); });
  return writable_.wait(std::move(callback));
}

void Http1ServerConnection::on_drained(Result<void> how) {
  write_deadline_.disarm();
  if (!how)
    how = Error{.code = how.error().code, .message = how.error().message, .origin = Origin::downstream};
  writable_.fire(std::move(how));
}

// ---- the end of an exchange

void Http1ServerConnection::finish() {
  receiver_ = nullptr;
  stream_handler_ = nullptr;
  deadline_.disarm();
  const bool request_read = body_.is_complete();
  const bool client_stays = reading_ && reading_->head.keep_alive && !nothing_follows();
  reading_.reset();
  half_closed_.reset();
  const bool must_end = is_to_end() && (said_close_ || quiet_ == Duration::zero());
  if (must_end || !request_read || !client_stays) {
    // A client that meant to stay may have sent more already, and a client that has not sent all of its
    // request surely does. From a client that has ended its direction all was read.
    const bool more_may_come = !ended_ && (client_stays || !unread_.empty() || !buffered_.empty());
    const bool all_sent = transport_->pending_bytes() == 0;
    if (!more_may_come && all_sent && (request_read || ended_)) return leave();
    return linger();
  }
  become_idle();
  if (std::exchange(is_awaited_, false)) {
    const Alive::Watch watch(alive_);
    handler_->on_idle();
    if (!watch) return;
  }
  if (!processing_) process_kept();
}

void Http1ServerConnection::suspend_when_idle() {
  const bool is_free = state_ == State::idle || state_ == State::head;
  if (is_free && !is_to_end()) return handler_->on_idle();
  is_awaited_ = !is_to_end();
}

Result<SuspendedConnection> Http1ServerConnection::suspend() {
  auto connection = transport_->duplicate();
  if (!connection) return std::move(connection).error();
  return SuspendedConnection{.at = leave_off(), .connection = *std::move(connection)};
}

BetweenRequests Http1ServerConnection::leave_off() {
  BetweenRequests left{.client = client_, .requests = requests_};
  if (reading_) left.bytes = reading_->decoder.taken(reading_->head);
  left.bytes.append(unread_).append(buffered_);
  return left;
}

void Http1ServerConnection::become_idle() {
  state_ = State::idle;
  context_.resting.add(*this, context_.deadlines.clock().now());
  context_.deadlines.arm(deadline_, quiet_ != Duration::zero() ? quiet_ : context_.settings.idle_timeout);
}

/// Closing with bytes unread would reset the connection and could destroy the answer on its way (RFC
/// 9112 9.6): ends our direction first, and throws away what still comes, for a while.
void Http1ServerConnection::linger() {
  state_ = State::lingering;
  buffered_.clear();
  transport_->shutdown();
  if (transport_->pending_bytes() == 0) {
    context_.deadlines.arm(deadline_, context_.settings.linger_timeout);
  } else {
    context_.deadlines.arm(deadline_, context_.settings.write_timeout);
    drained_ = transport_->when_writable([this](Result<void> how) { on_last_sent(std::move(how)); });
  }
  if (!reading_stopped_ || ended_) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

/// The last of the answer has left; the time that the client has to read it begins.
void Http1ServerConnection::on_last_sent(Result<void> how) {
  if (!how || ended_) return leave();
  context_.deadlines.arm(deadline_, context_.settings.linger_timeout);
}

void Http1ServerConnection::abort() {
  receiver_ = nullptr;
  stream_handler_ = nullptr;
  deadline_.disarm();
  transport_->reset_on_close();
  leave();
}

void Http1ServerConnection::leave() {
  handler_->on_over();
}

}  // namespace sluice::wire
