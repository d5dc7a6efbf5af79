// A descriptor that another library owns, watched.
#include <sluice/net/descriptor_watch.h>

#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include <doctest/doctest.h>

namespace sluice::net {
namespace {

struct SocketPair {
  SocketPair() {
    int raw[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, raw) == 0);
    here = raw[0];
    there = raw[1];
  }
  ~SocketPair() {
    ::close(here);
    ::close(there);
  }
  void say() const { REQUIRE(::send(there, "x", 1, 0) == 1); }
  int here = -1;
  int there = -1;
};

TEST_CASE("a watch tells what it is asked for, and nothing else") {
  Loop loop;
  const SocketPair pair;
  int reads = 0;
  int writes = 0;
  DescriptorWatch watch(loop, pair.here, [&](bool readable, bool writable) {
    reads += readable ? 1 : 0;
    writes += writable ? 1 : 0;
  });
  watch.watch_for(true, false);
  pair.say();
  CHECK(loop.run_until([&] { return reads > 0; }, Duration{10'000}));
  CHECK(writes == 0);
  watch.watch_for(false, true);
  CHECK(loop.run_until([&] { return writes > 0; }, Duration{10'000}));
  const int before = reads + writes;
  watch.watch_for(false, false);
  CHECK_FALSE(loop.run_until([&] { return reads + writes > before; }, Duration{20}));
}

TEST_CASE("a watch may be dropped in its own callback") {
  Loop loop;
  const SocketPair pair;
  std::optional<DescriptorWatch> watch;
  watch.emplace(loop, pair.here, [&](bool, bool) { watch.reset(); });
  watch->watch_for(true, true);
  pair.say();
  CHECK(loop.run_until([&] { return !watch; }, Duration{10'000}));
}

}  // namespace
}  // namespace sluice::net
