// The client's side of HTTP/1: reading requests, and their bodies.
#include <sluice/wire/http1_server.h>

#include <utility>

namespace sluice::wire {
namespace {

constexpr size_t kMaxBuffered = size_t{16} * 1024;
constexpr Duration kStaleRecheck{5};

Error client_error(ErrorCode code, std::string message, int status) {
  return {.code = code, .message = std::move(message), .origin = Origin::downstream, .status = status};
}

}  // namespace

Http1ServerConnection::Http1ServerConnection(std::unique_ptr<net::Transport> transport, BetweenRequests from,
                                             ServerContext& context)
    : transport_(std::move(transport)),
      context_(context),
      requests_(from.requests),
      deadline_([this] { on_deadline(); }),
      buffered_(std::move(from.bytes)),
      client_(std::move(from.client)),
      write_deadline_([this] { on_write_deadline(); }),
      writable_([this] {
        write_deadline_.disarm();
        drained_.cancel();
      }) {}

Http1ServerConnection::~Http1ServerConnection() {
  context_.resting.remove(*this);
}

void Http1ServerConnection::start(ServerHandler& handler) {
  handler_ = &handler;
  become_idle();
  transport_->start_reading(*this);
  if (buffered_.empty()) return;
  const std::string bytes = std::exchange(buffered_, {});
  process(bytes);
}

Result<ServerStream*> Http1ServerConnection::start_tunnel(ServerHandler& handler, std::string_view head,
                                                          std::string read) {
  handler_ = &handler;
  reading_ = context_.readings.take();
  // It was within the limits when it came.
  http::HeadDecoder decoder(http::HeadDecoder::Of::request,
                            {.bytes = head.size(), .fields = head.size(), .target_bytes = head.size()});
  const auto progress = decoder.decode(head, reading_->head);
  if (!progress) return progress.error();
  if (!progress->complete) return client_error(ErrorCode::malformed, "not a whole head", 400);
  state_ = State::exchange;
  is_tunnel_ = closing_ = committed_ = true;
  out_framing_ = {.kind = http::Framing::Kind::until_close};
  body_.begin(out_framing_);
  buffered_ = std::move(read);
  reading_stopped_ = true;
  return static_cast<ServerStream*>(this);
}

void Http1ServerConnection::refuse(ServerHandler& handler, const Error& error) {
  handler_ = &handler;
  transport_->stop_reading();
  reading_stopped_ = true;  // Until the answer lingers.
  refuse(error);
}

void Http1ServerConnection::retire(Duration quiet) {
  retires_ = true;
  is_awaited_ = false;
  quiet_ = quiet;
  if (state_ == State::idle) context_.deadlines.arm(deadline_, quiet);
}

void Http1ServerConnection::stay() {
  is_awaited_ = false;
  if (!retires_ || said_close_) return;
  retires_ = false;
  quiet_ = {};
  if (state_ == State::idle) context_.deadlines.arm(deadline_, context_.settings.idle_timeout);
}

// ---- reading

void Http1ServerConnection::on_bytes(std::string_view bytes) {
  process(bytes);
}

void Http1ServerConnection::process(std::string_view bytes) {
  Alive::Watch watch(alive_);
  processing_ = true;
  while (!bytes.empty()) {
    size_t used = 0;
    if (state_ == State::lingering) {
      used = bytes.size();
    } else if (state_ != State::exchange) {
      used = read_head(bytes);
    } else if (!body_.is_complete() && body_wanted()) {
      used = read_body(bytes);
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
      context_.deadlines.arm(deadline_, context_.settings.head_timeout);
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
  deadline_.disarm();
  committed_ = false;
  said_close_ = false;
  continue_sent_ = false;
  continue_awaited_ = reading_->head.expects_continue && reading_->head.framing.has_body();
  body_read_ = 0;
  body_wanted_for_ = {};
  receiver_ = nullptr;
  body_paused_ = false;
  body_.begin(reading_->head.framing);
  const auto& settings = context_.settings;
  if (settings.requests_per_connection != 0 && requests_ >= settings.requests_per_connection) closing_ = true;
  if (settings.body_bytes && reading_->head.framing.kind == http::Framing::Kind::length &&
      reading_->head.framing.length > *settings.body_bytes) {
    closing_ = true;
    return handler_->on_bad_request(
        *this, client_error(ErrorCode::too_large, "the request body is over the limit", 413));
  }
  handler_->on_request(*this);
}

/// What came is no request, and the connection's state is in doubt: the answer to it is the last one.
void Http1ServerConnection::refuse(const Error& error) {
  state_ = State::exchange;
  context_.resting.remove(*this);
  deadline_.disarm();
  closing_ = true;
  committed_ = false;
  body_.begin({.kind = http::Framing::Kind::until_close});  // Never complete: the end will linger.
  unread_ = {};
  if (!reading_) reading_ = context_.readings.take();  // An empty head: not a byte of a request has come.
  handler_->on_bad_request(*this, error);
}

/// Delivers what is there of it; returns how much of `bytes` was used. Calls out.
size_t Http1ServerConnection::read_body(std::string_view bytes) {
  const auto pieces = body_.next_slices(bytes);
  if (!pieces) {
    end_of_body(client_error(ErrorCode::malformed, pieces.error().message, 400));
    return bytes.size();
  }
  const size_t used = pieces->used;
  unread_ = bytes.substr(used);
  body_read_ += pieces->bytes;
  if (!is_tunnel_ && context_.settings.body_bytes && body_read_ > *context_.settings.body_bytes) {
    end_of_body(client_error(ErrorCode::too_large, "the request body is over the limit", 413));
    return bytes.size();
  }
  if (is_body_too_slow()) {
    end_of_body(client_error(ErrorCode::timed_out, "the request's body came too slowly", 408));
    return bytes.size();
  }
  continue_awaited_ = false;
  expect_body();
  Alive::Watch watch(alive_);
  if (pieces->bytes != 0) receiver_->on_body(pieces->data());
  // Finished within the call: the rest is the next request's.
  if (!watch || state_ != State::exchange || !body_.is_complete()) return used;
  deadline_.disarm();
  end_of_body({});
  return used;
}

void Http1ServerConnection::end_of_body(Result<void> how) {
  deadline_.disarm();
  if (!how) closing_ = true;
  if (receiver_ == nullptr) return;
  std::exchange(receiver_, nullptr)->on_body_end(std::move(how));
}

/// A body's receiver that is held up holds up the client. Else the client is read on, up to a bound: an
/// exchange that waits for a backend is to learn when the client leaves.
void Http1ServerConnection::keep(std::string_view bytes) {
  buffered_.append(bytes);
  const bool is_held_up = !body_.is_complete() && (receiver_ != nullptr || is_tunnel_);
  if (reading_stopped_ || (!is_held_up && buffered_.size() < kMaxBuffered)) return;
  reading_stopped_ = true;
  transport_->stop_reading();
}

void Http1ServerConnection::read_on() {
  if (!reading_stopped_ || ended_ || buffered_.size() >= kMaxBuffered) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

/// Goes on with what was kept, and reads on once that is used.
void Http1ServerConnection::process_kept() {
  Alive::Watch watch(alive_);
  if (!buffered_.empty()) {
    const std::string bytes = std::exchange(buffered_, {});
    process(bytes);
    if (!watch) return;
  }
  if (ended_ && !is_tunnel_) return process_end();
  if (ended_ && buffered_.empty()) return end_of_body({});
  if (state_ == State::exchange && !body_.is_complete() && !body_wanted()) return;
  read_on();
}

void Http1ServerConnection::on_end(Result<void> how) {
  ended_ = true;
  // The client may still read, and what is kept for it is the end of its answer: on_last_sent() follows.
  if (state_ == State::lingering && how && transport_->pending_bytes() > 0) return;
  deadline_.disarm();
  if (state_ != State::exchange) return leave();
  if (!how) return client_gone(client_error(how.error().code, how.error().message, 0));
  if (is_tunnel_) return end_of_body({});  // One direction alone.
  process_end();
}

void Http1ServerConnection::on_deadline() {
  // What is here already, though not yet read, came in time.
  if (state_ == State::idle && transport_->is_stale())
    return context_.deadlines.arm(deadline_, kStaleRecheck);
  // A client that has not got all must not take what it has for the whole.
  if (state_ == State::lingering && transport_->pending_bytes() > 0) transport_->reset_on_close();
  if (state_ == State::idle || state_ == State::lingering) return leave();
  if (state_ == State::head) {
    return refuse(client_error(ErrorCode::timed_out, "the request's head took too long", 408));
  }
  end_of_body(client_error(ErrorCode::timed_out, "the request's body took too long", 408));
}

bool Http1ServerConnection::close_if_quiet() {
  if (transport_->is_stale()) return false;
  leave();
  return true;
}

void Http1ServerConnection::on_write_deadline() {
  closing_ = true;
  tell_gone(client_error(ErrorCode::timed_out, "the client takes nothing", 0));
}

// ---- the request's body

/// From now on the body's next bytes are the client's to send. A client that waits for a 100 has nothing to
/// send yet, and a tunnel may be silent.
void Http1ServerConnection::expect_body() {
  if (body_.is_complete() || is_tunnel_ || continue_awaited_) return deadline_.disarm();
  if (context_.settings.body_bytes_per_second != 0) {
    body_wanted_since_ = context_.deadlines.clock().now();
  }
  context_.deadlines.arm(deadline_, context_.settings.body_timeout);
}

/// Counts only the time that the client kept us waiting, not the backend's.
bool Http1ServerConnection::is_body_too_slow() {
  const uint64_t rate = context_.settings.body_bytes_per_second;
  if (rate == 0 || is_tunnel_ || body_.is_complete()) return false;
  body_wanted_for_ += context_.deadlines.clock().now() - body_wanted_since_;
  if (body_wanted_for_ <= context_.settings.body_timeout) return false;
  const auto seconds = static_cast<uint64_t>(body_wanted_for_.count()) / 1000;
  return body_read_ / rate < seconds;
}

void Http1ServerConnection::start_body(BodyReceiver& receiver) {
  CHECK(state_ == State::exchange);
  receiver_ = &receiver;
  body_paused_ = false;
  expect_body();
  if (!processing_) process_kept();
}

void Http1ServerConnection::pause_body() {
  body_paused_ = true;
  deadline_.disarm();
}

void Http1ServerConnection::resume_body() {
  body_paused_ = false;
  expect_body();
  if (!processing_) process_kept();
}

void Http1ServerConnection::stop_body() {
  receiver_ = nullptr;
  deadline_.disarm();
  if (!is_tunnel_) read_on();
}

bool Http1ServerConnection::has_buffered_body() const {
  return !body_.is_complete() && (!unread_.empty() || !buffered_.empty());
}

}  // namespace sluice::wire
