// The request under way on a client's HTTP/1 connection, and its answer.
#include "wire/http1_server_stream.h"

#include <array>
#include <utility>

#include "wire/http1_server_connection.h"
#include "wire/slices.h"

namespace sluice::wire {
// ---- the request

void Http1ServerStream::begin(FreeList<RequestReading>::Item reading) {
  reading_ = std::move(reading);
  receiver_ = nullptr;
  body_paused_ = false;
  said_close_ = false;
  committed_ = false;
  continue_sent_ = false;
  continue_awaited_ = reading_->head.expects_continue && reading_->head.framing.has_body();
  body_read_ = 0;
  body_.begin(reading_->head.framing);
  connection_.timeouts().begin_body();
}

void Http1ServerStream::begin_refused(FreeList<RequestReading>::Item reading) {
  reading_ = std::move(reading);
  committed_ = false;
  body_.begin({.kind = http::Framing::Kind::until_close});  // Never complete: the end will linger.
}

void Http1ServerStream::begin_tunnel(FreeList<RequestReading>::Item reading) {
  reading_ = std::move(reading);
  is_tunnel_ = committed_ = true;
  out_framing_ = {.kind = http::Framing::Kind::until_close};
  body_.begin(out_framing_);
}

const Client& Http1ServerStream::client() const {
  return connection_.client();
}

bool Http1ServerStream::has_left() {
  return connection_.has_left();
}

void Http1ServerStream::lose_client(const Error& error) {
  receiver_ = nullptr;
  handler_ != nullptr ? handler_->on_client_gone(error) : abort();
}

// ---- its body

/// From now on the body's next bytes are the client's to send. A client that waits for a 100 has nothing to
/// send yet, and a tunnel may be silent.
void Http1ServerStream::expect_body() {
  ClientTimeouts& timeouts = connection_.timeouts();
  body_.is_complete() || is_tunnel_ || continue_awaited_ ? timeouts.stop() : timeouts.await_body();
}

size_t Http1ServerStream::read_body(std::string_view bytes) {
  const auto pieces = body_.next_slices(bytes);
  if (!pieces) {
    end_body_read(client_error(ErrorCode::malformed, pieces.error().message, 400));
    return bytes.size();
  }
  const size_t used = pieces->used;
  connection_.set_unread(bytes.substr(used));
  body_read_ += pieces->bytes;
  if (!is_tunnel_ && connection_.context().settings.body_bytes &&
      body_read_ > *connection_.context().settings.body_bytes) {
    end_body_read(client_error(ErrorCode::too_large, "the request body is over the limit", 413));
    return bytes.size();
  }
  if (!is_tunnel_ && !body_.is_complete() && connection_.timeouts().is_body_too_slow(body_read_)) {
    end_body_read(client_error(ErrorCode::timed_out, "the request's body came too slowly", 408));
    return bytes.size();
  }
  continue_awaited_ = false;
  expect_body();
  if (pieces->bytes != 0) receiver_->on_body(pieces->data());
  return used;
}

void Http1ServerStream::end_body_read(Result<void> how) {
  connection_.timeouts().stop();
  if (!how) connection_.end_after_answer();
  if (receiver_ == nullptr) return;
  std::exchange(receiver_, nullptr)->on_body_end(std::move(how));
}

/// A copy of the decoder looks at what is kept.
bool Http1ServerStream::is_cut(std::string_view kept) const {
  if (body_.is_complete()) return false;
  http::BodyDecoder rest = body_.copy();
  while (!kept.empty() && !rest.is_complete()) {
    const auto piece = rest.next(kept);
    if (!piece) return false;  // To be refused once it is read.
    kept.remove_prefix(piece->used);
  }
  return !rest.is_complete();
}

void Http1ServerStream::start_body(BodyReceiver& receiver) {
  CHECK(reading_);
  receiver_ = &receiver;
  resume_body();
}

void Http1ServerStream::pause_body() {
  body_paused_ = true;
  connection_.timeouts().stop();
}

void Http1ServerStream::resume_body() {
  body_paused_ = false;
  expect_body();
  connection_.process_kept();
}

void Http1ServerStream::stop_body() {
  receiver_ = nullptr;
  connection_.timeouts().stop();
  if (!is_tunnel_) connection_.read_on();
}

bool Http1ServerStream::has_buffered_body() const {
  return !body_.is_complete() && (!connection_.unread().empty() || !connection_.buffered().empty());
}

// ---- the answer

void Http1ServerStream::send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) {
  if (reading_->head.protocol == http::Protocol::http1_0) return;
  if (head.status == 100) {
    if (continue_sent_) return;  // Ours has gone out.
    continue_awaited_ = false;
    if (wants_body()) expect_body();
  }
  connection_.context().out.clear();
  http::write_interim_head(connection_.context().out, head, edits);
  write(connection_.context().out);
}

void Http1ServerStream::send_continue() {
  if (!std::exchange(continue_awaited_, false)) return;
  continue_sent_ = true;
  if (wants_body()) expect_body();
  write("HTTP/1.1 100 Continue\r\n\r\n");
}

Flow Http1ServerStream::send_head(const http::ResponseHead& head, const http::FieldEdits* edits,
                                  Follows follows) {
  const http::RequestHead& request = reading_->head;
  const bool bodiless = head.framing.kind == http::Framing::Kind::none;
  out_framing_ = bodiless ? head.framing : http::framing_towards(request.protocol, head.framing);
  // An answer that comes before the request's end ends the connection: what is left of the body must not be
  // read as the next request.
  if (out_framing_.kind == http::Framing::Kind::until_close || !request.keep_alive || !body_.is_complete() ||
      connection_.nothing_follows()) {
    connection_.end_after_answer();
  }
  said_close_ = connection_.is_to_end();
  out_head_ = std::move(connection_.context().out);
  out_head_.clear();
  http::write_response_head(
      out_head_, head,
      {.framing = out_framing_,
       .close = said_close_,
       .say_keep_alive = !said_close_ && request.protocol == http::Protocol::http1_0,
       .date = connection_.context().date.at(connection_.context().deadlines.clock().now()),
       .edits = edits});
  if (follows == Follows::body_at_once) return Flow::open;
  return write();
}

Flow Http1ServerStream::switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) {
  is_tunnel_ = true;
  out_framing_ = {.kind = http::Framing::Kind::until_close};
  body_.begin(out_framing_);
  out_head_.clear();
  http::write_response_head(out_head_, head, {.framing = {}, .upgraded = true, .edits = edits});
  const Flow flow = write();
  connection_.begin_tunnel();
  return flow;
}

Result<TunnelEnd> Http1ServerStream::suspend_tunnel() {
  CHECK(is_tunnel_);
  auto connection = connection_.transport().duplicate();
  if (!connection) return std::move(connection).error();
  return TunnelEnd{.connection = *std::move(connection),
                   .read = std::string(connection_.unread()).append(connection_.buffered()),
                   .unsent = connection_.transport().kept()};
}

void Http1ServerStream::discard_head() {
  CHECK(!committed_);
  out_head_.clear();
  said_close_ = false;  // The client has not seen it.
}

ReplySent Http1ServerStream::send_reply(const http::LocalResponse& response) {
  CHECK(!committed_);
  out_head_.clear();
  // There is a whole request to answer, not just bytes that were refused.
  const http::RequestHead* request = reading_ && reading_->head.is_whole() ? &reading_->head : nullptr;
  if (request == nullptr || !request->keep_alive || !body_.is_complete() || connection_.nothing_follows()) {
    connection_.end_after_answer();
  }
  said_close_ = connection_.is_to_end();
  const http::LocalResponseBytes own = http::local_response(
      response,
      {.to_head = request != nullptr && request->is_head(),
       .close = said_close_,
       .say_keep_alive = request != nullptr && !said_close_ && request->protocol == http::Protocol::http1_0,
       .date = connection_.context().date.at(connection_.context().deadlines.clock().now()),
       .as_json = request != nullptr && http::prefers_json(*request)});
  committed_ = true;
  return {.flow = write(own.bytes), .content_size = own.content_size};
}

Flow Http1ServerStream::write_body(Slices pieces) {
  committed_ = true;
  switch (out_framing_.kind) {
    case http::Framing::Kind::none:
      return write();
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

Flow Http1ServerStream::end_body(const http::FieldList& trailers) {
  net::Transport& transport = connection_.transport();
  if (is_tunnel_) {
    const Flow flow = transport.write({});
    transport.shutdown();
    return flow;
  }
  if (out_framing_.kind == http::Framing::Kind::chunked) {
    const std::string_view lines = trailers.lines();
    return write(http::kLastChunkStart, Slices(&lines, 1), http::kChunkEnd);
  }
  // Says whether all has left: what is kept, and a connection that broke, count as blocked.
  return out_head_.empty() ? transport.write({}) : write();
}

/// Writes what was given of the head, and all of these, as one.
Flow Http1ServerStream::write(std::string_view before, Slices pieces, std::string_view behind) {
  std::array<std::string_view, kMaxSlices + 3> all;
  const size_t count = gather(all, out_head_, before, pieces, behind);
  if (!out_head_.empty()) committed_ = true;
  if (count == 0) return Flow::open;
  const Flow flow = connection_.write(std::span(all.data(), count), committed_);
  if (out_head_.capacity() > connection_.context().out.capacity())
    connection_.context().out = std::move(out_head_);
  out_head_.clear();
  return flow;
}

Wait Http1ServerStream::when_writable(std::function<void(Result<void>)> callback) {
  return connection_.timeouts().when_writable(connection_.transport(), std::move(callback));
}

void Http1ServerStream::finish() {
  const End end{.request_read = body_.is_complete(),
                .keep_alive = reading_ && reading_->head.keep_alive,
                .said_close = said_close_};
  receiver_ = nullptr;
  handler_ = nullptr;
  reading_.reset();
  connection_.on_finished(end);
}

void Http1ServerStream::abort() {
  receiver_ = nullptr;
  handler_ = nullptr;
  connection_.on_aborted();
}

}  // namespace sluice::wire
