// What becomes of connections when the kernel has no place left in any epoll: errors, and never the process.
#include <sluice/net/descriptor_watch.h>
#include <sluice/net/fd_passing.h>

#include <sys/epoll.h>
#include <sys/syscall.h>

#include <cerrno>
#include <fstream>

#include <uv.h>

#include "net/errors.h"
#include "net/test_tools.h"

namespace {

/// Whether this user has as many watches as there may be.
thread_local bool is_full = false;

}  // namespace

/// In place of the C library's, for libuv, too.
extern "C" int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  const auto ask = [&](int what) {
    return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, what, descriptor, event));
  };
  if (!is_full || operation != EPOLL_CTL_ADD) return ask(operation);
  epoll_event unchanged{};
  // What is there already is found so first.
  const bool is_there = ::syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, descriptor, &unchanged) != 0;
  const int why = is_there ? errno : ENOSPC;
  if (!is_there) ask(EPOLL_CTL_DEL);
  errno = why;
  return -1;
}

namespace sluice::net {
namespace {

using test::Kind;
using test::kLong;
using test::RawSocket;

/// Only once a loop has run: what it needs itself it takes then.
struct Full {
  explicit Full(Loop& loop) {
    loop.run_until([] { return false; }, Duration(1));
    is_full = true;
  }
  ~Full() { is_full = false; }
};

/// Descriptors that the loop's epoll has, as the kernel lists them.
size_t watched(Loop& loop) {
  std::ifstream file("/proc/self/fdinfo/" + std::to_string(uv_backend_fd(loop.raw())));
  size_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.starts_with("tfd:") ? 1 : 0;
  return count;
}

struct ReadingEnd {
  ReadingEnd() {
    int raw[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw) == 0);
    here = Descriptor(raw[0]);
    there = Descriptor(raw[1]);
  }
  Descriptor here;
  Descriptor there;
};

TEST_CASE("a connection that is to be read gets an error, and the others go on") {
  for (const Kind kind : {Kind::tcp, Kind::local}) {
    test::Pair pair(kind);
    const RawSocket raw = pair.open_raw();
    auto first = std::move(pair.a);
    test::Collector of_first;
    first->start_reading(of_first);
    const RawSocket other = pair.open_raw();
    test::Collector of_second;
    {
      const Full full(pair.loop);
      pair.a->start_reading(of_second);
      REQUIRE(pair.until([&] { return of_second.ended; }));
      raw.send("still served");
      CHECK(pair.until([&] { return of_first.bytes == "still served"; }));
    }
    REQUIRE(of_second.error);
    CHECK(of_second.error->code == ErrorCode::exhausted);
  }
}

TEST_CASE("a connection that keeps what the kernel does not take breaks") {
  test::Pair pair(Kind::local);
  const RawSocket raw = pair.open_raw();
  const Full full(pair.loop);
  while (pair.a->pending_bytes() == 0 && !pair.a->has_broken()) {
    if (test::write(*pair.a, test::pattern(100'000)) == Flow::blocked) break;
  }
  std::optional<Result<void>> told;
  const Wait wait = pair.a->when_writable([&](Result<void> how) { told.emplace(std::move(how)); });
  REQUIRE(pair.until([&] { return told.has_value(); }));
  REQUIRE_FALSE(*told);
  CHECK(told->error().code == ErrorCode::exhausted);
}

TEST_CASE("a connection that is opened fails, as one that is refused does, and later ones succeed") {
  for (const Kind kind : {Kind::tcp, Kind::local}) {
    test::Pair pair(kind);
    const auto outcome = [&] {
      std::optional<Result<std::unique_ptr<Transport>>> told;
      const Wait wait =
          pair.loop.connect(pair.listening.address(),
                            [&](Result<std::unique_ptr<Transport>> how) { told.emplace(std::move(how)); });
      REQUIRE(pair.until([&] { return told.has_value(); }));
      return *std::move(told);
    };
    {
      const Full full(pair.loop);
      const auto how = outcome();
      REQUIRE_FALSE(how);
      CHECK(how.error().code == ErrorCode::exhausted);
    }
    CHECK(outcome());
  }
}

TEST_CASE("an acceptor leaves clients in the queue until there is a place for it") {
  test::Pair pair(Kind::tcp);
  std::optional<Full> full(std::in_place, pair.loop);
  const auto acceptor = pair.loop.accept(
      pair.listening, [&](std::unique_ptr<Transport> accepted) { pair.a = std::move(accepted); });
  const RawSocket raw = RawSocket::connect(pair.listening.address());
  pair.settle();
  CHECK(pair.a == nullptr);
  full.reset();
  CHECK(pair.until([&] { return pair.a != nullptr; }));
}

TEST_CASE("a channel of messages ends, and its reader is told") {
  struct Received final : MessageReader {
    void on_message(Message) override {}
    void on_end(Error why) override { end = std::move(why); }
    std::optional<Error> end;
  };
  Loop loop;
  ReadingEnd ends;
  const Full full(loop);
  Received inbox;
  SocketChannel channel(loop, std::move(ends.here));
  channel.start_reading(inbox);
  CHECK_FALSE(inbox.end);
  REQUIRE(loop.run_until([&] { return inbox.end.has_value(); }, kLong));
  CHECK(inbox.end->code == ErrorCode::exhausted);
}

TEST_CASE("another library's descriptor is watched as soon as there is a place for it") {
  Loop loop;
  const ReadingEnd ends;
  bool is_ready = false;
  std::optional<Full> full(std::in_place, loop);
  DescriptorWatch watch(loop, ends.here.get(), [&](bool, bool) { is_ready = true; });
  watch.watch_for(false, true);
  loop.run_until([] { return false; }, test::kShort);
  CHECK_FALSE(is_ready);
  full.reset();
  CHECK(loop.run_until([&] { return is_ready; }, kLong));
}

TEST_CASE("a full disk, which Unix sockets need room on, is not taken for a lack of watches") {
  CHECK(error_of("cannot listen", UV_ENOSPC).message == "cannot listen: no space left on device");
  CHECK(reason(UV_ENOSPC).code == ErrorCode::exhausted);
}

TEST_CASE("what has closed leaves nothing in the loop, though another process has the connection, too") {
  test::Pair pair(Kind::tcp);
  pair.settle();
  const size_t before = watched(pair.loop);
  pair.open();
  const auto copy = pair.a->duplicate();
  const auto other_copy = pair.b->duplicate();
  test::Collector collector;
  pair.a->start_reading(collector);
  pair.b->start_reading(collector);
  pair.settle();
  CHECK(watched(pair.loop) > before);
  pair.a.reset();
  pair.b.reset();
  pair.settle();
  CHECK(watched(pair.loop) == before);
}

}  // namespace
}  // namespace sluice::net
