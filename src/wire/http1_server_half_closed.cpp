// A client that has ended its direction, and waits for its answer or has left.
#include <sluice/wire/http1_server.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::wire {
namespace {

/// What every answer begins with.
constexpr std::string_view kStart = "HTTP/1.1 ";
constexpr Duration kFirstLook{100};
constexpr Duration kLongestLook{120'000};
/// A client that ends its direction within an answer is believed to read on as long as the answer flows.
constexpr Duration kLongestSilence{500};

}  // namespace

void Http1ServerConnection::client_gone(const Error& error) {
  closing_ = true;
  receiver_ = nullptr;
  tell_gone(error);
}

void Http1ServerConnection::tell_gone(const Error& error) {
  stream_handler_ != nullptr ? stream_handler_->on_client_gone(error) : abort();
}

/// The client has sent its last byte, and all that was wanted of it was used.
void Http1ServerConnection::process_end() {
  if (state_ == State::lingering) return;
  if (state_ != State::exchange) return leave();
  if (is_cut()) return client_gone(client_left());
  watch_client();
  if (!committed_) return;
  half_closed_->in_answer = true;
  half_closed_->interval = kLongestSilence;
  context_.deadlines.arm(half_closed_->next, half_closed_->interval);
}

/// The body of the request under way ends before it should. A copy of the decoder looks at what is kept.
bool Http1ServerConnection::is_cut() const {
  if (body_.is_complete()) return false;
  http::BodyDecoder rest = body_.copy();
  std::string_view bytes = buffered_;
  while (!bytes.empty() && !rest.is_complete()) {
    const auto piece = rest.next(bytes);
    if (!piece) return false;  // To be refused once it is read.
    bytes.remove_prefix(piece->used);
  }
  return !rest.is_complete();
}

bool Http1ServerConnection::has_left() {
  if (half_closed_) return transport_->has_broken();
  if (ended_ || !reading_stopped_ || !transport_->has_hung_up()) return false;
  if (transport_->has_broken()) return true;
  watch_client();
  return false;
}

/// TCP has one sign for "I have said all" and "I am gone"; which of the two it was shows when something is
/// sent: a client that is gone answers with a reset. So the answer's first bytes, which are known before it,
/// go ahead of it one by one, at intervals that grow. Within an answer there is nothing to send ahead: a
/// stream that is silent would hold its backend for a client that has long left, so it ends.
void Http1ServerConnection::watch_client() {
  if (half_closed_) return;
  half_closed_ = std::make_unique<HalfClosed>([this] { look_for_client(); });
  half_closed_->interval = kFirstLook;
  context_.deadlines.arm(half_closed_->next, half_closed_->interval);
}

void Http1ServerConnection::look_for_client() {
  if (state_ != State::exchange || is_tunnel_) return;
  if (transport_->has_broken()) return client_gone(client_left());
  HalfClosed& half = *half_closed_;
  if (half.in_answer) {
    if (half.is_silent && transport_->pending_bytes() == 0) return client_gone(client_left());
    half.is_silent = true;
    return context_.deadlines.arm(half.next, half.interval);
  }
  if (!committed_ && half.sent < kStart.size() && transport_->pending_bytes() == 0) {
    const std::string_view next = kStart.substr(half.sent, 1);
    static_cast<void>(transport_->write({&next, 1}));  // Sent, or kept and sent later.
    ++half.sent;
  }
  context_.deadlines.arm(half.next, half.interval);
  half.interval = std::min(half.interval * 3, kLongestLook);
}

/// Removes what has been sent ahead from the first head that is written after it.
void Http1ServerConnection::skip_sent(std::string_view& piece) {
  half_closed_->is_silent = false;
  piece.remove_prefix(std::exchange(half_closed_->sent, 0));
}

}  // namespace sluice::wire
