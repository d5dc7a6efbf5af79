#include <sluice/wire/http1_client.h>

#include <utility>

namespace sluice::wire {
namespace {

constexpr Duration kNextTurn{1};

Error backend_error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message), .origin = Origin::upstream, .status = 502};
}

}  // namespace

Http1ClientConnection::Http1ClientConnection(std::unique_ptr<net::Transport> transport, Deadlines& deadlines,
                                             std::string& out, const http::HeadLimits& limits)
    : transport_(std::move(transport)),
      deadlines_(deadlines),
      limits_(limits),
      request_(out),
      decoder_(http::HeadDecoder::Of::response, {}) {
  transport_->start_reading(*this);
}

Http1ClientConnection::~Http1ClientConnection() = default;

// ---- the request

ClientStream& Http1ClientConnection::open_stream() {
  CHECK(state_ == State::resting);
  state_ = State::taken;
  return *this;
}

Flow Http1ClientConnection::send_head(const http::RequestHead& head,
                                      const http::RequestForwarding& forwarding, Follows follows) {
  CHECK(state_ == State::taken);
  state_ = State::head;
  answered_ = taken_nothing_ = end_untold_ = false;
  receiver_ = nullptr;
  body_paused_ = false;
  head_.clear();
  decoder_.set_limits(limits_);
  request_.begin(head, forwarding);
  return follows == Follows::body_at_once ? Flow::open : request_.flush(*transport_);
}

/// The connection fails as soon as the caller has returned.
Flow Http1ClientConnection::refuse_body() {
  if (!refusal_) {
    refusal_ = std::make_unique<Deadline>([this] {
      fail(backend_error(ErrorCode::malformed, "the request's body is not as long as its head says"));
    });
  }
  deadlines_.arm(*refusal_, kNextTurn);
  return Flow::blocked;
}

Flow Http1ClientConnection::write_body(Slices pieces) {
  const auto flow = request_.write_body(*transport_, pieces);
  return flow ? *flow : refuse_body();
}

Flow Http1ClientConnection::end_body(const http::FieldList& trailers) {
  const auto flow = request_.end_body(*transport_, trailers);
  return flow ? *flow : refuse_body();
}

void Http1ClientConnection::end_sending() {
  request_.end_sending(*transport_);
}

Wait Http1ClientConnection::when_writable(std::function<void(Result<void>)> callback) {
  return transport_->when_writable([callback = std::move(callback)](Result<void> how) {
    if (!how) how = backend_error(how.error().code, how.error().message);
    callback(std::move(how));
  });
}

// ---- the response

Wait Http1ClientConnection::read_head(OnHead on_head) {
  return head_pending_.wait(std::move(on_head));
}

void Http1ClientConnection::on_bytes(std::string_view bytes) {
  process(bytes);
}

void Http1ClientConnection::process(std::string_view bytes) {
  Alive::Watch watch(alive_);
  while (!bytes.empty()) {
    const bool is_body = state_ == State::body;
    if (state_ == State::resting || state_ == State::taken || state_ == State::complete) {
      // Bytes that answer nothing: whatever they are, no later response can be trusted any more.
      return fail(backend_error(ErrorCode::malformed, "the backend sent bytes that answer no request"));
    }
    if (is_body && !body_wanted()) {
      buffered_.append(bytes);
      unread_ = {};
      if (!std::exchange(reading_stopped_, true)) transport_->stop_reading();
      return;
    }
    auto used = is_body ? read_response_body(bytes) : read_response_head(bytes);
    if (!watch) return;
    unread_ = {};
    if (!used) return fail(std::move(used).error());
    bytes.remove_prefix(*used);
  }
}

/// Returns how much of `bytes` was used; calls out when a head is complete.
Result<size_t> Http1ClientConnection::read_response_head(std::string_view bytes) {
  answered_ = true;
  auto progress = decoder_.decode(bytes, head_, request_.is_head());
  if (!progress) {
    const auto code =
        progress.error().code == ErrorCode::too_large ? ErrorCode::too_large : ErrorCode::malformed;
    return backend_error(code, std::move(progress).error().message);
  }
  const size_t used = progress->used;
  if (!progress->complete) return used;
  unread_ = bytes.substr(used);
  Alive::Watch watch(alive_);
  if (head_.is_interim()) {
    if (head_.status == 101) {
      if (!request_.asks_for_upgrade()) {
        return backend_error(ErrorCode::malformed, "the backend switched protocols unasked");
      }
      state_ = State::body;  // What follows is kept until the other side is ready for it.
      body_.begin({.kind = http::Framing::Kind::until_close});
      head_pending_.fire(&head_);
      return used;
    }
    head_pending_.fire(&head_);
    if (watch) head_.clear();
    return used;
  }
  body_.begin(head_.framing, http::BodyDecoder::From::backend);
  end_untold_ = body_.is_complete();  // A receiver that starts the body all the same is to get its end.
  state_ = body_.is_complete() ? State::complete : State::body;
  if (state_ == State::complete && !unread_.empty()) broken_ = true;
  head_pending_.fire(&head_);
  return used;
}

void Http1ClientConnection::switch_protocols() {
  // Complete when the backend has ended its direction before the request was sent whole.
  CHECK((state_ == State::body || state_ == State::complete) && head_.status == 101);
  request_.become_tunnel();
}

Result<ClientStream*> Http1ClientConnection::resume_tunnel(std::string read) {
  CHECK(state_ == State::resting);
  transport_->stop_reading();  // Until what has been read is passed on.
  reading_stopped_ = true;
  buffered_ = std::move(read);
  answered_ = true;
  state_ = State::body;
  body_.begin({.kind = http::Framing::Kind::until_close});
  request_.become_tunnel();
  return this;
}

Result<TunnelEnd> Http1ClientConnection::suspend_tunnel() {
  CHECK(request_.is_tunnel());
  auto connection = transport_->duplicate();
  if (!connection) return std::move(connection).error();
  return TunnelEnd{.connection = *std::move(connection),
                   .read = std::string(unread_).append(buffered_),
                   .unsent = transport_->kept()};
}

/// Delivers what is there of it; returns how much of `bytes` was used. Calls out.
Result<size_t> Http1ClientConnection::read_response_body(std::string_view bytes) {
  const auto pieces = body_.next_slices(bytes);
  if (!pieces) return backend_error(ErrorCode::malformed, pieces.error().message);
  const size_t used = pieces->used;
  unread_ = bytes.substr(used);
  Alive::Watch watch(alive_);
  if (pieces->bytes != 0) receiver_->on_body(pieces->data());
  if (!watch || !body_.is_complete() || state_ != State::body) return used;
  if (!unread_.empty()) broken_ = true;
  complete();
  return used;
}

void Http1ClientConnection::complete() {
  state_ = State::complete;
  if (receiver_ == nullptr) {
    end_untold_ = true;
    return;
  }
  std::exchange(receiver_, nullptr)->on_body_end({});
}

void Http1ClientConnection::on_end(Result<void> how) {
  ended_ = true;
  if (how && state_ == State::body && body_.may_end_here()) {
    if (buffered_.empty()) complete();  // Else once that has been passed on.
    return;
  }
  // All that was asked before has been answered, and so acknowledged.
  taken_nothing_ =
      how && state_ == State::head && !answered_ && transport_->unacknowledged() >= request_.written();
  Error error = how ? backend_error(ErrorCode::closed, "the backend closed the connection")
                    : backend_error(how.error().code, how.error().message);
  if (state_ == State::body) error.message += " in the middle of its response";
  fail(std::move(error));
}

/// The connection is of no more use: the callback that waits for something on it gets the error.
void Http1ClientConnection::fail(Error error) {
  broken_ = true;
  if (refusal_) refusal_->disarm();
  if (state_ == State::resting && has_owner()) return owner().on_connection_gone(*this);
  if (head_pending_.is_waited_for()) return head_pending_.fire(std::move(error));
  if (receiver_ != nullptr) return std::exchange(receiver_, nullptr)->on_body_end(std::move(error));
  failure_ = std::make_unique<Error>(std::move(error));
}

// ---- the response's body

void Http1ClientConnection::start_body(BodyReceiver& receiver) {
  receiver_ = &receiver;
  body_paused_ = false;
  if (unread_.empty()) process_kept();
}

void Http1ClientConnection::pause_body() {
  body_paused_ = true;
}

void Http1ClientConnection::resume_body() {
  body_paused_ = false;
  if (unread_.empty()) process_kept();
}

void Http1ClientConnection::stop_body() {
  receiver_ = nullptr;
}

/// Goes on with what was kept, and reads on once that is used.
void Http1ClientConnection::process_kept() {
  Alive::Watch watch(alive_);
  if (!buffered_.empty()) {
    const std::string bytes = std::exchange(buffered_, {});
    process(bytes);
    if (!watch) return;
  }
  if (ended_ && !broken_ && buffered_.empty() && state_ == State::body && body_.may_end_here())
    return complete();
  if (receiver_ != nullptr && std::exchange(end_untold_, false)) {
    return std::exchange(receiver_, nullptr)->on_body_end({});
  }
  if (failure_ && receiver_ != nullptr) {
    Error error = std::move(*failure_);
    failure_.reset();
    return std::exchange(receiver_, nullptr)->on_body_end(std::move(error));
  }
  if (!reading_stopped_ || !buffered_.empty() || ended_ || state_ == State::complete) return;
  reading_stopped_ = false;
  transport_->start_reading(*this);
}

// ---- between exchanges

bool Http1ClientConnection::may_be_used_again() const {
  return state_ == State::complete && request_.may_be_followed() && head_.keep_alive && !broken_ && !ended_ &&
         buffered_.empty() && transport_->pending_bytes() == 0;
}

bool Http1ClientConnection::finish_stream(ClientStream&) {
  if (!may_be_used_again()) return false;
  state_ = State::resting;
  receiver_ = nullptr;
  if (std::exchange(reading_stopped_, false)) transport_->start_reading(*this);
  return true;
}

/// The backend goes on with what was begun: nothing else can follow on this connection.
bool Http1ClientConnection::reset_stream(ClientStream&) {
  return false;
}

}  // namespace sluice::wire
