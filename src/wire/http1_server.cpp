#include <sluice/wire/http1_server.h>

#include <array>
#include <utility>

namespace sluice::wire {
namespace {

constexpr size_t kMostKept = size_t{16} * 1024;
constexpr Duration kLinger{2000};

Error client_error(ErrorCode code, std::string message, int status) {
  return {.code = code, .message = std::move(message), .origin = Origin::downstream, .status = status};
}

}  // namespace

Http1ServerConnection::Http1ServerConnection(std::unique_ptr<net::Transport> transport,
                                             ServerContext& context, ServerHandler& handler)
    : transport_(std::move(transport)),
      context_(context),
      handler_(handler),
      decoder_(http::HeadDecoder::Of::request, context.settings.head),
      client_ip_(transport_->peer().ip_text()),
      deadline_([this] { on_deadline(); }),
      writable_([this] { drained_.cancel(); }) {}

Http1ServerConnection::~Http1ServerConnection() = default;

void Http1ServerConnection::start() {
  become_idle();
  transport_->start_reading(*this);
}

void Http1ServerConnection::retire(Duration quiet) {
  closing_ = true;
  if (state_ == State::idle) context_.deadlines.arm(deadline_, quiet);
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
  in_hand_ = {};
  processing_ = false;
}

/// Returns how much of `bytes` was used; calls out when a head is complete or bad.
size_t Http1ServerConnection::read_head(std::string_view bytes) {
  if (!head_) head_ = context_.heads.take();
  auto progress = decoder_.decode(bytes, *head_);
  if (!progress) {
    const Error error = std::move(progress).error();
    refuse(error);
    return bytes.size();
  }
  if (!progress->complete) {
    if (state_ == State::idle && decoder_.has_begun()) {
      state_ = State::head;
      context_.deadlines.arm(deadline_, context_.settings.head_timeout);
    }
    return bytes.size();
  }
  const size_t used = progress->used;
  in_hand_ = bytes.substr(used);
  begin_exchange();
  return used;
}

void Http1ServerConnection::begin_exchange() {
  state_ = State::exchange;
  ++requests_;
  deadline_.disarm();
  committed_ = false;
  body_read_ = 0;
  receiver_ = nullptr;
  body_paused_ = false;
  body_.begin(head_->framing);
  const auto& settings = context_.settings;
  if (settings.requests_per_connection != 0 && requests_ >= settings.requests_per_connection) closing_ = true;
  if (settings.body_bytes && head_->framing.kind == http::Framing::Kind::length &&
      head_->framing.length > *settings.body_bytes) {
    closing_ = true;
    return handler_.on_bad_request(
        client_error(ErrorCode::too_large, "the request body is over the limit", 413));
  }
  handler_.on_request();
}

/// What came is no request, and the connection's state is in doubt: the answer to it is the last one.
void Http1ServerConnection::refuse(const Error& error) {
  state_ = State::exchange;
  deadline_.disarm();
  closing_ = true;
  committed_ = false;
  body_.begin({.kind = http::Framing::Kind::until_close});  // Never complete: the end will linger.
  in_hand_ = {};
  handler_.on_bad_request(error);
}

/// Delivers one piece; returns how much of `bytes` was used. Calls out.
size_t Http1ServerConnection::read_body(std::string_view bytes) {
  auto piece = body_.next(bytes);
  if (!piece) {
    end_of_body(client_error(ErrorCode::malformed, std::move(piece).error().message, 400));
    return bytes.size();
  }
  const size_t used = piece->used;
  in_hand_ = bytes.substr(used);
  body_read_ += piece->data.size();
  if (context_.settings.body_bytes && body_read_ > *context_.settings.body_bytes) {
    end_of_body(client_error(ErrorCode::too_large, "the request body is over the limit", 413));
    return bytes.size();
  }
  context_.deadlines.arm(deadline_, context_.settings.body_timeout);
  Alive::Watch watch(alive_);
  if (!piece->data.empty()) receiver_->on_body(piece->data);
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

void Http1ServerConnection::keep(std::string_view bytes) {
  kept_.append(bytes);
  const bool is_body = state_ == State::exchange && !body_.is_complete();
  if (reading_stopped_ || (!is_body && kept_.size() < kMostKept)) return;
  reading_stopped_ = true;
  transport_->stop_reading();
}

/// Goes on with what was kept, and reads on once that is used.
void Http1ServerConnection::process_kept() {
  Alive::Watch watch(alive_);
  if (!kept_.empty()) {
    const std::string bytes = std::exchange(kept_, {});
    process(bytes);
  }
  if (!watch || !reading_stopped_ || kept_.size() >= kMostKept) return;
  if (state_ == State::exchange && !body_.is_complete() && !body_wanted()) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

void Http1ServerConnection::on_end(Result<void> how) {
  deadline_.disarm();
  if (state_ != State::exchange) return leave();
  Error error = how ? client_error(ErrorCode::closed, "the client closed the connection", 0)
                    : client_error(how.error().code, how.error().message, 0);
  closing_ = true;
  receiver_ = nullptr;
  handler_.on_client_gone(error);
}

void Http1ServerConnection::on_deadline() {
  if (state_ == State::idle || state_ == State::lingering) return leave();
  if (state_ == State::head) {
    return refuse(client_error(ErrorCode::timed_out, "the request's head took too long", 408));
  }
  closing_ = true;
  if (receiver_ != nullptr && !writable_.is_waited_for()) {
    return end_of_body(client_error(ErrorCode::timed_out, "the request's body took too long", 408));
  }
  handler_.on_client_gone(client_error(ErrorCode::timed_out, "the client takes nothing", 0));
}

// ---- the request's body

void Http1ServerConnection::start_body(BodyReceiver& receiver) {
  CHECK(state_ == State::exchange);
  receiver_ = &receiver;
  body_paused_ = false;
  if (!body_.is_complete()) context_.deadlines.arm(deadline_, context_.settings.body_timeout);
  if (!processing_) process_kept();
}

void Http1ServerConnection::pause_body() {
  body_paused_ = true;
  deadline_.disarm();
}

void Http1ServerConnection::resume_body() {
  body_paused_ = false;
  if (!body_.is_complete()) context_.deadlines.arm(deadline_, context_.settings.body_timeout);
  if (!processing_) process_kept();
}

void Http1ServerConnection::stop_body() {
  receiver_ = nullptr;
  deadline_.disarm();
}

bool Http1ServerConnection::has_body_in_hand() const {
  return !body_.is_complete() && (!in_hand_.empty() || !kept_.empty());
}

// ---- the response

void Http1ServerConnection::send_interim(const http::ResponseHead& head) {
  if (head_->version.minor == 0) return;  // RFC 9110 15.2: never to an HTTP/1.0 client
  context_.out.clear();
  http::write_interim_head(context_.out, head);
  write({context_.out});
}

Flow Http1ServerConnection::send_head(const http::ResponseHead& head, Follows follows) {
  const bool bodiless = head.framing.kind == http::Framing::Kind::none;
  out_framing_ = bodiless ? head.framing : http::framing_towards(head_->version, head.framing);
  if (out_framing_.kind == http::Framing::Kind::until_close || !head_->keep_alive) closing_ = true;
  out_head_ = std::move(context_.out);
  out_head_.clear();
  http::write_response_head(
      out_head_, head,
      {.framing = out_framing_, .close = closing_, .say_keep_alive = !closing_ && head_->version.minor == 0});
  if (follows == Follows::body_at_once) return Flow::open;
  return write({});
}

void Http1ServerConnection::take_back_head() {
  CHECK(!committed_);
  out_head_.clear();
}

Flow Http1ServerConnection::send_own(int status, std::string_view explanation,
                                     std::string_view extra_fields) {
  CHECK(!committed_);
  out_head_.clear();
  const bool known = head_ && !head_->bytes().empty() && head_->method_size != 0;
  if (!known || !head_->keep_alive || !body_.is_complete()) closing_ = true;
  const bool to_head = known && head_->is_head();
  const std::string response = http::own_response(status, explanation, extra_fields, to_head, closing_,
                                                  known && !closing_ && head_->version.minor == 0);
  committed_ = true;
  return write({response});
}

Flow Http1ServerConnection::write_body(std::string_view piece) {
  committed_ = true;
  switch (out_framing_.kind) {
    case http::Framing::Kind::none:
      return write({});
    case http::Framing::Kind::length:
    case http::Framing::Kind::until_close:
      return write({piece});
    case http::Framing::Kind::chunked:
      break;
  }
  std::string start;  // Within the small string's own room: no allocation.
  http::write_chunk_start(start, piece.size());
  return write({start, piece, http::kChunkEnd});
}

Flow Http1ServerConnection::end_body() {
  if (out_framing_.kind == http::Framing::Kind::chunked) return write({http::kLastChunk});
  if (out_head_.empty()) return transport_->kept_bytes() == 0 ? Flow::open : Flow::blocked;
  return write({});
}

/// Writes what was given of the head, then `pieces`, as one.
Flow Http1ServerConnection::write(std::initializer_list<std::string_view> pieces) {
  std::array<std::string_view, 4> all;
  size_t count = 0;
  if (!out_head_.empty()) {
    all[count++] = out_head_;
    committed_ = true;
  }
  for (const auto piece : pieces) all[count++] = piece;
  if (count == 0) return Flow::open;
  const Flow flow = transport_->write(std::span(all.data(), count));
  if (out_head_.capacity() > context_.out.capacity()) context_.out = std::move(out_head_);
  out_head_.clear();
  return flow;
}

Wait Http1ServerConnection::when_writable(std::function<void(Result<void>)> callback) {
  context_.deadlines.arm(deadline_, context_.settings.write_timeout);
  drained_ = transport_->when_writable([this](Result<void> how) { on_drained(std::move(how)); });
  return writable_.wait(std::move(callback));
}

void Http1ServerConnection::on_drained(Result<void> how) {
  deadline_.disarm();
  if (how && receiver_ != nullptr && !body_.is_complete() && !body_paused_) {
    context_.deadlines.arm(deadline_, context_.settings.body_timeout);
  }
  if (!how) how = client_error(how.error().code, how.error().message, 0);
  writable_.fire(std::move(how));
}

// ---- the end of an exchange

void Http1ServerConnection::finish() {
  receiver_ = nullptr;
  deadline_.disarm();
  const bool request_read = body_.is_complete();
  const bool keep_alive = !closing_ && request_read && head_ && head_->keep_alive;
  head_.reset();
  if (!keep_alive) {
    const bool more_came = !in_hand_.empty() || !kept_.empty();
    const bool all_sent = transport_->kept_bytes() == 0;
    if (request_read && !more_came && all_sent) return leave();
    return linger();
  }
  become_idle();
  if (!processing_) process_kept();
}

void Http1ServerConnection::become_idle() {
  state_ = State::idle;
  context_.deadlines.arm(deadline_, context_.settings.idle_timeout);
}

/// Closing with bytes unread would reset the connection and could destroy the answer on its way (RFC
/// 9112 9.6): ends our direction first, and throws away what still comes, for a while.
void Http1ServerConnection::linger() {
  state_ = State::lingering;
  kept_.clear();
  transport_->shutdown();
  context_.deadlines.arm(deadline_, kLinger);
  if (!reading_stopped_) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

void Http1ServerConnection::abort() {
  receiver_ = nullptr;
  deadline_.disarm();
  transport_->reset_on_close();
  leave();
}

void Http1ServerConnection::leave() {
  handler_.on_connection_over();
}

}  // namespace sluice::wire
