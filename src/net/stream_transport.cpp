#include "net/stream_transport.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/errors.h"
#include "net/watching.h"

namespace sluice::net {
namespace {

/// Pieces that leave in one call. A short head and body are put together first: that costs less than what the
/// kernel needs to walk a list of them.
class Batch {
 public:
  /// Takes the first pieces, as many as fit, and returns the others.
  std::span<const std::string_view> take(std::span<const std::string_view> pieces) {
    while (!pieces.empty() && count_ < kMaxSlices) {
      const auto piece = pieces.front();
      pieces = pieces.subspan(1);
      if (piece.empty()) continue;
      // sendmsg() does not write to what a piece points at.
      pieces_[count_++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
      size_ += piece.size();
    }
    return pieces;
  }
  size_t size() const { return size_; }

  /// As send().
  ssize_t send(int descriptor) {
    constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
    if (count_ == 1) return ::send(descriptor, pieces_[0].iov_base, pieces_[0].iov_len, kFlags);
    if (size_ <= kTogether) {
      std::array<char, kTogether> together;
      char* end = together.data();
      for (size_t i = 0; i < count_; ++i) {
        std::memcpy(end, pieces_[i].iov_base, pieces_[i].iov_len);
        end += pieces_[i].iov_len;
      }
      return ::send(descriptor, together.data(), size_, kFlags);
    }
    msghdr message{};
    message.msg_iov = pieces_.data();
    message.msg_iovlen = count_;
    return ::sendmsg(descriptor, &message, kFlags);
  }

 private:
  static constexpr size_t kMaxSlices = 24;
  static constexpr size_t kTogether = 2048;

  std::array<iovec, kMaxSlices> pieces_;
  size_t count_ = 0;
  size_t size_ = 0;
};

}  // namespace

int Stream::initialise(uv_loop_t* loop, const Address& address) {
  return address.is_local() ? uv_pipe_init(loop, &pipe, 0) : uv_tcp_init(loop, &tcp);
}

Result<std::unique_ptr<Transport>> StreamTransport::adopt(Loop& loop, int descriptor, Address peer) {
  Handle<Stream> stream;
  int status = stream.get()->initialise(loop.raw(), peer);
  if (status == 0) {
    stream.initialised(nullptr);
    status = peer.is_local() ? uv_pipe_open(&stream.get()->pipe, descriptor)
                             : uv_tcp_open(&stream.get()->tcp, descriptor);
  }
  if (status != 0) {
    ::close(descriptor);
    return error_of("cannot take over a connection", status);
  }
  return std::unique_ptr<Transport>(
      std::make_unique<StreamTransport>(loop, std::move(stream), std::move(peer)));
}

StreamTransport::StreamTransport(Loop& loop, Handle<Stream> stream, Address peer)
    : loop_(loop),
      stream_(std::move(stream)),
      later_(this, [](void* self) { static_cast<StreamTransport*>(self)->tell_later(); }),
      peer_(std::move(peer)) {
  stream_.set_owner(this);
  CHECK(uv_fileno(stream_.base(), &descriptor_) == 0);
}

// ---- reading

void StreamTransport::start_reading(Reader& reader) {
  const bool was_reading = std::exchange(reader_, &reader) != nullptr;
  if (was_reading) return;
  // It broke before: this reader gets the error, too. (The kernel reports an error only once.)
  if (read_error_ != 0) return loop_.run_later(later_);
  // libuv only reports that there is something to read. It gets no buffer and so reads nothing (its
  // documented ENOBUFS): recv() costs less than its read(), and tells a reset from an end, which libuv mixes
  // up at POLLHUP.
  const auto no_buffer = [](uv_handle_t*, size_t, uv_buf_t* buffer) { *buffer = uv_buf_init(nullptr, 0); };
  const auto on_readable = [](uv_stream_t* stream, ssize_t status, const uv_buf_t*) {
    auto* self = owner_of<StreamTransport>(stream);
    if (self == nullptr) return;
    if (status == UV_ENOBUFS) return self->receive();
    self->end_reading(static_cast<int>(status));
  };
  int status = uv_read_start(raw(), no_buffer, on_readable);
  if (status == 0) status = take_watch(loop_.raw(), descriptor_);
  if (status == 0) return;
  uv_read_stop(raw());
  read_error_ = status;
  loop_.run_later(later_);
}

void StreamTransport::stop_reading() {
  reader_ = nullptr;
  uv_read_stop(raw());
}

/// Once a turn: when there is more, the loop reports it again, after the other connections had their turn.
void StreamTransport::receive() {
  const auto scratch = loop_.scratch();
  const ssize_t count = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
  if (count > 0) return reader_->on_bytes({scratch.data(), static_cast<size_t>(count)});
  if (count == 0) return end_reading(0);
  if (errno != EAGAIN && errno != EINTR) end_reading(-errno);
}

void StreamTransport::end_reading(int error) {
  uv_read_stop(raw());
  Reader& reader = *std::exchange(reader_, nullptr);
  if (error == 0) return reader.on_end({});
  read_error_ = error;
  reader.on_end(reason(error));
}

// ---- writing

Flow StreamTransport::write(std::span<const std::string_view> pieces) {
  CHECK(!is_shut_down_);
  if (write_error_ != 0) return Flow::blocked;
  size_t taken = 0;
  if (kept_write() == nullptr) {
    size_t size = 0;
    for (const auto piece : pieces) size += piece.size();
    taken = try_write(pieces);
    if (write_error_ != 0) return Flow::blocked;
    if (taken == size) return Flow::open;
  }
  keep(pieces, taken);
  return Flow::blocked;
}

/// Returns how many bytes the kernel took, in as few calls as the pieces allow.
size_t StreamTransport::try_write(std::span<const std::string_view> pieces) {
  size_t taken = 0;
  while (!pieces.empty()) {
    Batch batch;
    pieces = batch.take(pieces);
    if (batch.size() == 0) return taken;
    ssize_t written = -1;
    do written = batch.send(descriptor_);
    while (written < 0 && errno == EINTR);
    if (written < 0) {
      if (errno != EAGAIN) break_off(-errno);
      return taken;
    }
    taken += static_cast<size_t>(written);
    if (static_cast<size_t>(written) < batch.size()) return taken;
  }
  return taken;
}

/// Copies what follows the first `taken` bytes.
void StreamTransport::keep(std::span<const std::string_view> pieces, size_t taken) {
  auto& kept = stream_.get()->kept;
  const bool is_first = kept == nullptr;
  if (is_first) kept = std::make_unique<KeptWrite>();
  std::string& buffer = is_first ? kept->in_flight : kept->next;
  for (const auto piece : pieces) {
    const size_t skipped = std::min(taken, piece.size());
    taken -= skipped;
    buffer.append(piece.substr(skipped));
  }
  if (is_first) write_kept();
}

void StreamTransport::write_kept() {
  KeptWrite& write = *kept_write();
  const uv_buf_t buffer{.base = write.in_flight.data(), .len = write.in_flight.size()};
  const auto on_written = [](uv_write_t* request, int status) {
    if (auto* self = owner_of<StreamTransport>(request->handle)) self->on_written(status);
  };
  int status = take_watch(loop_.raw(), descriptor_);  // What is in flight cannot be stopped.
  if (status == 0) status = uv_write(&write.request, raw(), &buffer, 1, on_written);
  if (status != 0) break_off(status);
}

void StreamTransport::on_written(int status) {
  if (status != 0) return break_off(status);
  KeptWrite& write = *kept_write();
  if (!write.next.empty()) {
    write.in_flight.clear();
    write.in_flight.swap(write.next);
    return write_kept();
  }
  stream_.get()->kept.reset();
  if (is_shut_down_) ::shutdown(descriptor_, SHUT_WR);
  writable_.fire({});
}

/// Nothing can be written any more, and nothing is in flight.
void StreamTransport::break_off(int status) {
  write_error_ = status;
  stream_.get()->kept.reset();
  if (writable_.is_waited_for()) loop_.run_later(later_);
}

Wait StreamTransport::when_writable(std::function<void(Result<void>)> callback) {
  if (kept_write() == nullptr) loop_.run_later(later_);
  return writable_.wait(std::move(callback));
}

size_t StreamTransport::pending_bytes() const {
  return kept_write() == nullptr ? 0 : uv_stream_get_write_queue_size(raw()) + kept_write()->next.size();
}

std::string StreamTransport::kept() const {
  const KeptWrite* write = kept_write();
  if (write == nullptr) return {};
  const size_t left = uv_stream_get_write_queue_size(raw());
  return write->in_flight.substr(write->in_flight.size() - left) + write->next;
}

/// One of the two at a time, since each may destroy us.
void StreamTransport::tell_later() {
  const bool is_end = read_error_ != 0 && reader_ != nullptr;
  const bool is_writable = kept_write() == nullptr && writable_.is_waited_for();
  if (is_end && is_writable) loop_.run_later(later_);
  if (is_end) return std::exchange(reader_, nullptr)->on_end(reason(read_error_));
  if (!is_writable) return;
  if (write_error_ != 0) return writable_.fire(reason(write_error_));
  writable_.fire({});
}

// ---- the end

void StreamTransport::shutdown() {
  if (std::exchange(is_shut_down_, true)) return;
  // Not by uv_shutdown, which would take a turn of the loop even when nothing is kept.
  if (kept_write() == nullptr) ::shutdown(descriptor_, SHUT_WR);
}

void StreamTransport::reset_on_close() {
  if (peer_.is_local()) return;
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

bool StreamTransport::is_stale() const {
  char byte = 0;
  const auto count = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/// The end of the peer's direction comes behind what it has sent: a peer that is still held up by a full
/// window has not ended anything.
bool StreamTransport::has_hung_up() const {
  pollfd asked{.fd = descriptor_, .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool StreamTransport::has_broken() const {
  pollfd asked{.fd = descriptor_, .events = 0, .revents = 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0;
}

size_t StreamTransport::unacknowledged() const {
  int count = 0;
  return pending_bytes() + (::ioctl(descriptor_, SIOCOUTQ, &count) == 0 ? static_cast<size_t>(count) : 0);
}

}  // namespace sluice::net
