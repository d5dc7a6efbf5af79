// Opens connections, or goes on with those that were opened elsewhere, on one loop.
#include <sluice/net/loop.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "net/errors.h"
#include "net/sockets.h"
#include "net/stream_transport.h"
#include "net/watching.h"

namespace sluice::net {
namespace {

constexpr std::string_view kQueueFull = "the queue of its listener is full";

/// One connection being opened. Owns itself until libuv, or a later turn, has reported the outcome: also when
/// it was cancelled, since libuv uses the request until then.
class Connecting {
 public:
  Connecting(Loop& loop, const Address& address)
      : loop_(loop),
        address_(address),
        pending_([this] { stream_.close(); }),
        later_(this, [](void* self) { static_cast<Connecting*>(self)->finish(0); }) {
    request_.data = this;
  }

  static Wait start(std::unique_ptr<Connecting> self, OnConnected on_connected) {
    Connecting& connecting = *self.release();  // Its own, until finish().
    connecting.status_ = connecting.begin();
    if (connecting.status_ != 0) connecting.loop_.run_later(connecting.later_);
    return connecting.pending_.wait(std::move(on_connected));
  }

 private:
  int begin() {
    const int status = stream_.get()->initialise(loop_.raw(), address_);
    if (status != 0) return status;
    stream_.initialised(nullptr);
    const auto on_connect = [](uv_connect_t* request, int how) {
      static_cast<Connecting*>(request->data)->finish(how);
    };
    if (address_.is_local()) {
      uv_pipe_connect(&request_, &stream_.get()->pipe, address_.path().c_str(), on_connect);
      take_watch_or_close();
      return 0;
    }
    uv_tcp_nodelay(&stream_.get()->tcp, 1);
    const SocketAddress target = to_socket_address(address_);
    const int connecting = uv_tcp_connect(&request_, &stream_.get()->tcp, target.get(), on_connect);
    if (connecting == 0) take_watch_or_close();
    return connecting;
  }

  /// When this closes the stream, libuv reports it in a later turn.
  void take_watch_or_close() {
    int descriptor = -1;
    if (uv_fileno(&stream_.get()->handle, &descriptor) != 0) return;
    // libuv does not watch a Unix socket whose connect() has failed.
    if (address_.is_local() && !has_peer(descriptor)) return;
    without_watch_ = take_watch(loop_.raw(), descriptor);
    if (without_watch_ != 0) stream_.close();
  }

  static bool has_peer(int descriptor) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    return ::getpeername(descriptor, peer.get(), &peer.size) == 0;
  }

  void finish(int how) {
    const std::unique_ptr<Connecting> self(this);  // Lives to the end of this call.
    if (!pending_.is_waited_for()) return;
    const int begun = status_ != 0 ? status_ : without_watch_;
    const int status = begun != 0 ? begun : how;
    if (status != 0) {
      stream_.close();
      return pending_.fire(why(status));
    }
    pending_.fire(std::unique_ptr<Transport>(
        std::make_unique<StreamTransport>(loop_, std::move(stream_), std::move(address_))));
  }

  static Error why(int status) {
    Error error = reason(status);
    // A Unix socket's full queue, or no local port left: like a refusal, nothing was sent.
    if (status == UV_EAGAIN || status == UV_EADDRNOTAVAIL) error.code = ErrorCode::refused;
    if (status == UV_EAGAIN) error.message = kQueueFull;
    return error;
  }

  Loop& loop_;
  Address address_;
  Handle<Stream> stream_;
  uv_connect_t request_{};
  int status_ = 0;         // of the start
  int without_watch_ = 0;  // why there is no place in the loop for it
  Pending<Result<std::unique_ptr<Transport>>> pending_;
  Later later_;
};

}  // namespace

Wait Loop::connect(const Address& address, OnConnected on_connected) {
  return Connecting::start(std::make_unique<Connecting>(*this, address), std::move(on_connected));
}

bool is_queue_full(const Error& error) {
  return error.code == ErrorCode::refused && error.message == kQueueFull;
}

Result<std::unique_ptr<Transport>> Loop::adopt(Descriptor connection) {
  SocketAddress local;
  local.size = sizeof local.storage;
  if (::getsockname(connection.get(), local.get(), &local.size) != 0) {
    return error_of("cannot take over a connection", -errno);
  }
  if (local.storage.ss_family == AF_UNIX) {
    return StreamTransport::adopt(*this, connection.release(), Address::local(""));
  }
  SocketAddress peer;
  peer.size = sizeof peer.storage;
  // One that the peer has reset has none any more: to be found out by reading.
  const bool has_peer = ::getpeername(connection.get(), peer.get(), &peer.size) == 0;
  return StreamTransport::adopt(*this, connection.release(),
                                has_peer ? from_socket_address(peer) : Address());
}

}  // namespace sluice::net
