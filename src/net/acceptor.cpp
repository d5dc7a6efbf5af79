#include <sluice/base/alive.h>
#include <sluice/net/acceptor.h>
#include <sluice/net/descriptors.h>

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

}  // namespace

struct Acceptor::Impl {
  Impl(Loop& loop_used, const ListeningSocket& socket, OnConnection callback, Reserve reserve)
      : loop(loop_used),
        deadlines(loop_used.deadlines()),
        descriptor(socket.descriptor()),
        is_local(socket.address().is_local()),
        keeps_reserve(reserve == Reserve::keep),
        on_connection(std::make_shared<const OnConnection>(std::move(callback))),
        again([this] { poll(); }) {
    poll();
  }

  void poll() {
    if (watching.initialise(loop.raw(), descriptor, this) != 0) return pause_at_limit();
    const auto on_ready = [](uv_poll_t* raw, int status, int) {
      auto* self = owner_of<Impl>(raw);
      if (self == nullptr) return;
      if (status != 0) return self->pause_at_limit();  // libuv has stopped watching.
      self->accept_batch();
    };
    if (watching.start(UV_READABLE, on_ready) != 0) pause_at_limit();
  }

  void accept_batch() {
    const Alive::Watch watch(alive);
    first_reserved = keeps_reserve ? first_reserved_descriptor() : INT_MAX;
    if (near_limit && is_short_of_descriptors()) return pause_at_limit();
    near_limit = false;
    for (size_t i = 0; i < kBatch; ++i) {
      if (!hand_on_next() || !watch || paused) return;
      if (near_limit) return pause_at_limit();
    }
  }

  size_t accept_all() {
    const Alive::Watch watch(alive);
    size_t count = 0;
    while (count < kAll && hand_on_next()) {
      ++count;
      if (!watch) return count;
    }
    return count;
  }

  /// Accepts one connection and hands it on, which may destroy us; false when there is none for now.
  bool hand_on_next() {
    const int connection = accept_one();
    if (connection < 0) return false;
    auto transport = StreamTransport::adopt(loop, connection, peer());
    if (!transport) return true;
    near_limit = connection >= first_reserved;
    const auto callback = on_connection;  // Lives to the end of this call.
    (*callback)(*std::move(transport));
    return true;
  }

  /// The next connection's descriptor, or -1 when there is none for now. So many that have failed in a row
  /// are no accident any more: something forbids all of them.
  int accept_one() {
    for (size_t failed = 0; failed < kMostFailed; ++failed) {
      peer_address.size = sizeof peer_address.storage;
      const int connection =
          ::accept4(descriptor, peer_address.get(), &peer_address.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection >= 0) return connection;
      if (errno == EAGAIN) return -1;
      if (!is_of_one_connection(errno)) break;
    }
    pause_at_limit();
    return -1;
  }

  /// The kernel hands out the lowest descriptor that is free.
  bool is_short_of_descriptors() const {
    const int lowest = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (lowest >= 0) ::close(lowest);
    return lowest < 0 || lowest >= first_reserved;
  }

  Address peer() const { return is_local ? Address::local("") : from_socket_address(peer_address); }

  /// Out of descriptors, memory or places in the loop: the kernel's queue holds the clients meanwhile.
  void pause_at_limit() {
    watching.stop();
    if (!paused) deadlines.arm(again, kPauseAtLimit);
  }

  Loop& loop;
  Deadlines& deadlines;
  int descriptor;
  bool is_local;
  bool keeps_reserve;
  std::shared_ptr<const OnConnection> on_connection;
  Poll watching;
  Deadline again;
  Alive alive;
  bool paused = false;
  bool near_limit = false;
  int first_reserved = INT_MAX;  // as of the last batch
  SocketAddress peer_address;
};

Acceptor::Acceptor(Loop& loop, const ListeningSocket& socket, OnConnection on_connection, Reserve reserve)
    : impl_(std::make_unique<Impl>(loop, socket, std::move(on_connection), reserve)) {}

Acceptor::~Acceptor() = default;

void Acceptor::pause() {
  impl_->paused = true;
  impl_->again.disarm();
  impl_->watching.stop();
}

void Acceptor::resume() {
  if (std::exchange(impl_->paused, false)) impl_->poll();
}

size_t Acceptor::accept_queue() {
  return impl_->accept_all();
}

}  // namespace sluice::net
