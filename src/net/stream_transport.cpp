#include "net/stream_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "net/errors.h"

namespace sluice::net {

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
  const auto give_scratch = [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
    auto* self = owner_of<StreamTransport>(handle);
    if (self == nullptr) return;  // libuv made it empty
    const auto scratch = self->loop_.scratch();
    *buffer = {.base = scratch.data(), .len = scratch.size()};
  };
  const auto on_read = [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    if (auto* self = owner_of<StreamTransport>(stream)) self->on_read(count, buffer->base);
  };
  const int status = uv_read_start(raw(), give_scratch, on_read);
  if (status == 0) return;
  // It broke before: the end is told again, to this reader.
  if (read_error_ == 0) read_error_ = status;
  loop_.later().add(later_);
}

void StreamTransport::stop_reading() {
  reader_ = nullptr;
  uv_read_stop(raw());
}

void StreamTransport::on_read(ssize_t count, const char* bytes) {
  if (count > 0) return reader_->on_bytes({bytes, static_cast<size_t>(count)});
  if (count == 0) return;
  uv_read_stop(raw());
  Reader& reader = *std::exchange(reader_, nullptr);
  const int error = count == UV_EOF ? pending_error() : static_cast<int>(count);
  if (error == 0) return reader.on_end({});
  read_error_ = error;
  reader.on_end(reason(error));
}

/// A reset that came together with the last bytes is an end of file to libuv (uv__stream_io, at POLLHUP), and
/// to the kernel still an error. A message that ends with its connection must not pass for whole then.
int StreamTransport::pending_error() const {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? -error : 0;
}

// ---- writing

Flow StreamTransport::write(std::span<const std::string_view> pieces) {
  CHECK(!is_shut_down_);
  if (write_error_ != 0) return Flow::blocked;
  size_t taken = 0;
  if (kept() == nullptr) {
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
  constexpr size_t kMostPieces = 16;
  std::array<uv_buf_t, kMostPieces> buffers;
  size_t taken = 0;
  while (!pieces.empty()) {
    size_t size = 0;
    unsigned count = 0;
    while (!pieces.empty() && count < kMostPieces) {
      const auto piece = pieces.front();
      pieces = pieces.subspan(1);
      if (piece.empty()) continue;
      // libuv does not write to what a buffer points at.
      buffers[count++] = {.base = const_cast<char*>(piece.data()), .len = piece.size()};
      size += piece.size();
    }
    if (count == 0) return taken;
    const int written = uv_try_write(raw(), buffers.data(), count);
    if (written == UV_EAGAIN) return taken;
    if (written < 0) {
      break_off(written);
      return taken;
    }
    taken += static_cast<size_t>(written);
    if (static_cast<size_t>(written) < size) return taken;
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
  KeptWrite& write = *kept();
  const uv_buf_t buffer{.base = write.in_flight.data(), .len = write.in_flight.size()};
  const auto on_written = [](uv_write_t* request, int status) {
    if (auto* self = owner_of<StreamTransport>(request->handle)) self->on_written(status);
  };
  const int status = uv_write(&write.request, raw(), &buffer, 1, on_written);
  if (status != 0) break_off(status);
}

void StreamTransport::on_written(int status) {
  if (status != 0) return break_off(status);
  KeptWrite& write = *kept();
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
  if (writable_.is_waited_for()) loop_.later().add(later_);
}

Wait StreamTransport::when_writable(std::function<void(Result<void>)> callback) {
  if (kept() == nullptr) loop_.later().add(later_);
  return writable_.wait(std::move(callback));
}

size_t StreamTransport::kept_bytes() const {
  return kept() == nullptr ? 0 : uv_stream_get_write_queue_size(raw()) + kept()->next.size();
}

/// One of the two at a time, since each may destroy us.
void StreamTransport::tell_later() {
  const bool is_end = read_error_ != 0 && reader_ != nullptr;
  const bool is_writable = kept() == nullptr && writable_.is_waited_for();
  if (is_end && is_writable) loop_.later().add(later_);
  if (is_end) return std::exchange(reader_, nullptr)->on_end(reason(read_error_));
  if (!is_writable) return;
  if (write_error_ != 0) return writable_.fire(reason(write_error_));
  writable_.fire({});
}

// ---- the end

void StreamTransport::shutdown() {
  if (std::exchange(is_shut_down_, true)) return;
  // Not by uv_shutdown, which would take a turn of the loop even when nothing is kept.
  if (kept() == nullptr) ::shutdown(descriptor_, SHUT_WR);
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

}  // namespace sluice::net
