// Accepts connections from a listening socket on one loop.
#include <sluice/base/alive.h>
#include <sluice/net/descriptors.h>
#include <sluice/net/loop.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "net/poll.h"
#include "net/sockets.h"
#include "net/stream_transport.h"

namespace sluice::net {
namespace {

constexpr size_t kBatch = 64;  // a turn: the rest waits for the next, so that connections are served too
constexpr size_t kAll = size_t{1} << 20;
constexpr size_t kMostFailed = 1000;
constexpr Duration kPauseAtLimit{100};

/// accept(2): what is pending already on the connection that it takes from the queue, or what a firewall says
/// of it. The next one may be good.
bool is_of_one_connection(int why) {
  switch (why) {
    case EINTR:
    case ECONNABORTED:
    case ECONNRESET:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

class SocketAcceptor final : public Acceptor {
 public:
  SocketAcceptor(Loop& loop, const ListeningSocket& socket, OnConnection callback, Reserve reserve)
      : loop_(loop),
        deadlines_(loop.deadlines()),
        descriptor_(socket.descriptor()),
        is_local_(socket.address().is_local()),
        keeps_reserve_(reserve == Reserve::keep),
        on_connection_(std::make_shared<const OnConnection>(std::move(callback))),
        again_([this] { poll(); }) {
    poll();
  }

  void pause() override {
    paused_ = true;
    again_.disarm();
    watching_.stop();
  }

  void resume() override {
    if (std::exchange(paused_, false)) poll();
  }

  size_t accept_queue() override {
    const Alive::Watch watch(alive_);
    size_t count = 0;
    while (count < kAll && hand_on_next()) {
      ++count;
      if (!watch) return count;
    }
    return count;
  }

 private:
  void poll() {
    if (watching_.initialise(loop_.raw(), descriptor_, this) != 0) return pause_at_limit();
    const auto on_ready = [](uv_poll_t* raw, int status, int) {
      auto* self = owner_of<SocketAcceptor>(raw);
      if (self == nullptr) return;
      if (status != 0) return self->pause_at_limit();  // libuv has stopped watching.
      self->accept_batch();
    };
    if (watching_.start(UV_READABLE, on_ready) != 0) pause_at_limit();
  }

  void accept_batch() {
    const Alive::Watch watch(alive_);
    first_reserved_ = keeps_reserve_ ? first_reserved_descriptor() : INT_MAX;
    if (near_limit_ && is_short_of_descriptors()) return pause_at_limit();
    near_limit_ = false;
    for (size_t i = 0; i < kBatch; ++i) {
      if (!hand_on_next() || !watch || paused_) return;
      if (near_limit_) return pause_at_limit();
    }
  }

  /// Accepts one connection and hands it on, which may destroy us; false when there is none for now.
  bool hand_on_next() {
    const int connection = accept_one();
    if (connection < 0) return false;
    auto transport = StreamTransport::adopt(loop_, connection, peer());
    if (!transport) return true;
    near_limit_ = connection >= first_reserved_;
    const auto callback = on_connection_;  // Lives to the end of this call.
    (*callback)(*std::move(transport));
    return true;
  }

  /// The next connection's descriptor, or -1 when there is none for now. So many that have failed in a row
  /// are no accident any more: something forbids all of them.
  int accept_one() {
    for (size_t failed = 0; failed < kMostFailed; ++failed) {
      peer_address_.size = sizeof peer_address_.storage;
      const int connection =
          ::accept4(descriptor_, peer_address_.get(), &peer_address_.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection >= 0) return connection;
      if (errno == EAGAIN) return -1;
      if (!is_of_one_connection(errno)) break;
    }
    pause_at_limit();
    return -1;
  }

  /// The kernel hands out the lowest descriptor that is free.
  bool is_short_of_descriptors() const {
    const int lowest = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
    if (lowest >= 0) ::close(lowest);
    return lowest < 0 || lowest >= first_reserved_;
  }

  Address peer() const { return is_local_ ? Address::local("") : from_socket_address(peer_address_); }

  /// Out of descriptors, memory or places in the loop: the kernel's queue holds the clients meanwhile.
  void pause_at_limit() {
    watching_.stop();
    if (!paused_) deadlines_.arm(again_, kPauseAtLimit);
  }

  Loop& loop_;
  Deadlines& deadlines_;  // Had from the start: UBSan cannot look the loop's type up without a descriptor.
  int descriptor_;
  bool is_local_;
  bool keeps_reserve_;
  std::shared_ptr<const OnConnection> on_connection_;
  Poll watching_;
  Deadline again_;
  Alive alive_;
  bool paused_ = false;
  bool near_limit_ = false;
  int first_reserved_ = INT_MAX;  // as of the last batch
  SocketAddress peer_address_;
};

}  // namespace

std::unique_ptr<Acceptor> Loop::accept(const ListeningSocket& socket, Acceptor::OnConnection on_connection,
                                       Acceptor::Reserve reserve) {
  return std::make_unique<SocketAcceptor>(*this, socket, std::move(on_connection), reserve);
}

}  // namespace sluice::net
