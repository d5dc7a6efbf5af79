// Accepting: everything that the kernel completed, once, in bounded batches, also at the descriptor limit.
#include <sluice/net/loop.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <ctime>
#include <thread>
#include <vector>

#include "net/test_tools.h"

namespace {

/// What the next calls of accept4() in this program fail with, the last one first; each takes a connection
/// out of the queue as the kernel does, when it is about one.
thread_local std::vector<int> accept_errors;

int accept_from_kernel(int socket, sockaddr* address, socklen_t* size, int flags) {
  return static_cast<int>(::syscall(SYS_accept4, socket, address, size, flags));
}

}  // namespace

/// In place of the C library's.
extern "C" int accept4(int socket, sockaddr* address, socklen_t* size, int flags) {
  if (accept_errors.empty()) return accept_from_kernel(socket, address, size, flags);
  const int lost = accept_from_kernel(socket, nullptr, nullptr, flags);
  if (lost < 0) return lost;
  ::close(lost);
  errno = accept_errors.back();
  accept_errors.pop_back();
  return -1;
}

namespace sluice::net {
namespace {

using test::kLong;
using test::kShort;
using test::RawSocket;

/// Clients whose connections are complete in the kernel.
std::vector<RawSocket> clients(const Address& address, size_t count) {
  std::vector<RawSocket> sockets;
  for (size_t i = 0; i < count; ++i) sockets.push_back(RawSocket::connect(address));
  return sockets;
}

struct Accepting {
  Loop loop;
  std::vector<std::unique_ptr<Transport>> accepted;
  Acceptor::OnConnection keep = [this](std::unique_ptr<Transport> transport) {
    accepted.push_back(std::move(transport));
  };
};

TEST_CASE("more connections than a batch are all accepted") {
  const auto socket = test::listen();
  Accepting at;
  const auto acceptor = at.loop.accept(socket, at.keep);
  const auto sockets = clients(socket.address(), 200);
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 200; }, kLong));
}

TEST_CASE("a paused acceptor leaves connections in the queue") {
  const auto socket = test::listen();
  Accepting at;
  const auto acceptor = at.loop.accept(socket, at.keep);
  acceptor->pause();
  acceptor->pause();
  const auto sockets = clients(socket.address(), 3);
  at.loop.run_until([] { return false; }, kShort);
  CHECK(at.accepted.empty());
  acceptor->resume();
  acceptor->resume();
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 3; }, kLong));
}

TEST_CASE("pausing in the callback stops at once, in the middle of a batch") {
  const auto socket = test::listen();
  const auto sockets = clients(socket.address(), 5);
  Accepting at;
  std::unique_ptr<Acceptor> acceptor;
  acceptor = at.loop.accept(socket, [&](std::unique_ptr<Transport> transport) {
    at.keep(std::move(transport));
    acceptor->pause();
  });
  at.loop.run_until([] { return false; }, kShort);
  CHECK(at.accepted.size() == 1);
  acceptor->resume();
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 2; }, kLong));
}

TEST_CASE("accept_queue takes everything right now, paused or not") {
  const auto socket = test::listen();
  const auto sockets = clients(socket.address(), 100);
  Accepting at;
  const auto acceptor = at.loop.accept(socket, at.keep);
  acceptor->pause();
  CHECK(acceptor->accept_queue() == 100);
  CHECK(at.accepted.size() == 100);
  CHECK(acceptor->accept_queue() == 0);
}

TEST_CASE("the callback may destroy the acceptor; the rest stays in the queue for the next one") {
  for (const bool by_queue : {false, true}) {
    const auto socket = test::listen();
    const auto sockets = clients(socket.address(), 3);
    Accepting at;
    std::unique_ptr<Acceptor> acceptor;
    const std::string captured = "still there after the acceptor is gone";
    acceptor = at.loop.accept(socket, [&, captured](std::unique_ptr<Transport> transport) {
      acceptor.reset();
      CHECK(captured.size() == 38);
      at.keep(std::move(transport));
    });
    if (by_queue) CHECK(acceptor->accept_queue() == 1);
    CHECK(at.loop.run_until([&] { return !acceptor; }, kLong));
    CHECK(at.accepted.size() == 1);
    const auto next = at.loop.accept(socket, at.keep);
    CHECK(next->accept_queue() == 2);
  }
}

TEST_CASE("the socket stays open and listening when the acceptor goes, and another may follow at once") {
  const auto socket = test::listen();
  Accepting at;
  auto acceptor = at.loop.accept(socket, at.keep);
  for (size_t i = 1; i <= 3; ++i) {
    acceptor.reset();
    acceptor = at.loop.accept(socket, at.keep);
    const auto client = RawSocket::connect(socket.address());
    CHECK(at.loop.run_until([&] { return at.accepted.size() == i; }, kLong));
  }
}

TEST_CASE("loops that share the queue of a Unix socket accept each connection once") {
  const test::TemporaryFolder folder;
  const auto socket = test::listen(folder.address());
  const auto copy = socket.duplicate();
  REQUIRE(copy);
  Accepting one;
  Accepting two;
  const auto first = one.loop.accept(socket, one.keep);
  const auto second = two.loop.accept(*copy, two.keep);
  std::vector<RawSocket> sockets;
  std::thread other([&] { two.loop.run(); });
  for (int i = 0; i < 50; ++i) {
    sockets.push_back(RawSocket::connect(socket.address()));
    one.loop.run_until([] { return true; }, kShort);
  }
  one.loop.run_until([] { return false; }, kShort);
  two.loop.post([&] { two.loop.stop(); });
  other.join();
  CHECK(one.accepted.size() + two.accepted.size() == 50);
}

TEST_CASE("an error that is one connection's does not hold up those behind it") {
  const auto socket = test::listen();
  Accepting at;
  const auto acceptor = at.loop.accept(socket, at.keep);
  accept_errors = {ECONNABORTED, EPROTO, ENETDOWN,   ENOPROTOOPT, EHOSTDOWN, ENONET,
                   EHOSTUNREACH, EPERM,  EOPNOTSUPP, ENETUNREACH, ECONNRESET};
  const auto sockets = clients(socket.address(), accept_errors.size() + 2);
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 2; }, kShort));
  CHECK(accept_errors.empty());
}

/// Lowers the limit of descriptors to what is open, until dropped.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    const rlimit now{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

Duration cpu_time() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return Duration{time.tv_sec * 1000 + time.tv_nsec / 1'000'000};
}

TEST_CASE("at the descriptor limit clients wait, the loop rests, and all are accepted afterwards") {
  const auto socket = test::listen();
  Accepting at;
  const auto acceptor = at.loop.accept(socket, at.keep);
  const auto sockets = clients(socket.address(), 5);
  {
    const NoDescriptorsLeft limit;
    const auto before = cpu_time();
    at.loop.run_until([] { return false; }, Duration{400});
    CHECK(at.accepted.empty());
    CHECK(cpu_time() - before < Duration{100});
    CHECK(acceptor->accept_queue() == 0);
  }
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 5; }, kLong));
}

TEST_CASE("an acceptor that rests at the descriptor limit may be paused, resumed and destroyed") {
  const auto socket = test::listen();
  Accepting at;
  auto acceptor = at.loop.accept(socket, at.keep);
  const auto sockets = clients(socket.address(), 2);
  {
    const NoDescriptorsLeft limit;
    at.loop.run_until([] { return false; }, kShort);
    acceptor->pause();
  }
  at.loop.run_until([] { return false; }, Duration{200});
  CHECK(at.accepted.empty());
  acceptor->resume();
  CHECK(at.loop.run_until([&] { return at.accepted.size() == 2; }, kLong));
  const auto more = clients(socket.address(), 1);
  const NoDescriptorsLeft limit;
  at.loop.run_until([] { return false; }, kShort);
  acceptor.reset();
  at.loop.run_until([] { return false; }, Duration{200});
  CHECK(at.accepted.size() == 2);
}

}  // namespace
}  // namespace sluice::net
