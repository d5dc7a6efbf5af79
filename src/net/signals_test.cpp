// Signals as events on a loop.
#include <sluice/net/signals.h>

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::kLong;
using test::kShort;

TEST_CASE("a signal runs the callback of its number, as often as it is raised") {
  Loop loop;
  Signals signals(loop);
  int hangups = 0;
  int users = 0;
  signals.on(SIGHUP, [&] { ++hangups; });
  signals.on(SIGUSR1, [&] { ++users; });
  for (int i = 1; i <= 3; ++i) {
    std::raise(SIGHUP);
    CHECK(loop.run_until([&] { return hangups == i; }, kLong));
  }
  CHECK(users == 0);
}

TEST_CASE("a callback may destroy the signals") {
  Loop loop;
  auto signals = std::make_unique<Signals>(loop);
  const std::string captured = "still there after the watch is gone";
  signals->on(SIGUSR1, [&, captured] {
    signals.reset();
    CHECK(captured.size() == 35);
  });
  signals->on(SIGUSR2, [] {});
  std::raise(SIGUSR1);
  CHECK(loop.run_until([&] { return !signals; }, kLong));
}

TEST_CASE("signals that nobody watches any more reach nobody") {
  Loop loop;
  int count = 0;
  Signals kept(loop);
  kept.on(SIGUSR1, [&] { ++count; });
  {
    Signals dropped(loop);
    dropped.on(SIGUSR1, [] { FAIL("dropped"); });
    std::raise(SIGUSR1);
  }
  CHECK(loop.run_until([&] { return count == 1; }, kLong));
  loop.run_until([] { return false; }, kShort);
}

TEST_CASE("a write to a broken connection does not end the process") {
  Signals::ignore_broken_pipes();
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  CHECK(::write(ends[1], "x", 1) == -1);
  ::close(ends[1]);
}

}  // namespace
}  // namespace sluice::net
