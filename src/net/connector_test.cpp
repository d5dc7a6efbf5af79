// Opening connections: how it can go, and giving up.
#include <sluice/net/loop.h>

#include <sys/resource.h>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::kLong;
using test::kShort;

/// Connects, waits for the outcome, and checks that it was not reported too early.
Result<std::unique_ptr<Transport>> outcome(Loop& loop, const Address& address) {
  std::optional<Result<std::unique_ptr<Transport>>> result;
  const Wait wait =
      loop.connect(address, [&](Result<std::unique_ptr<Transport>> how) { result.emplace(std::move(how)); });
  CHECK_FALSE(result);
  REQUIRE(loop.run_until([&] { return result.has_value(); }, kLong));
  CHECK_FALSE(wait);
  return *std::move(result);
}

/// An address on which no socket listens any more.
Address nobody() {
  return test::listen().address();
}

TEST_CASE("a connection that is refused says so") {
  Loop loop;
  const auto how = outcome(loop, nobody());
  REQUIRE_FALSE(how);
  CHECK(how.error().code == ErrorCode::refused);
  CHECK(how.error().message == "connection refused");
}

TEST_CASE("a Unix socket that is not there, or that nobody listens on any more, refuses") {
  const test::TemporaryFolder folder;
  Loop loop;
  const auto missing = outcome(loop, folder.address());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::refused);

  const SocketAddress target = to_socket_address(folder.address());
  const test::RawSocket raw(::socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(::bind(raw.descriptor(), target.get(), target.size) == 0);
  const auto silent = outcome(loop, folder.address());
  REQUIRE_FALSE(silent);
  CHECK(silent.error().code == ErrorCode::refused);
}

TEST_CASE("a failure that is known at once is told in a later turn") {
  Loop loop;
  const auto how = outcome(loop, *Address::parse("127.255.255.255:1"));
  REQUIRE_FALSE(how);
}

TEST_CASE("IPv6 works") {
  Loop loop;
  const auto socket = test::listen(*Address::parse("[::1]:0"));
  const auto how = outcome(loop, socket.address());
  REQUIRE(how);
  CHECK((*how)->peer() == socket.address());
}

TEST_CASE("without a descriptor left a connection fails, and the loop goes on") {
  Loop loop;
  const auto socket = test::listen();
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto how = outcome(loop, socket.address());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_FALSE(how);
  CHECK(outcome(loop, socket.address()));
}

TEST_CASE("giving up means that the callback never runs, whatever the outcome would have been") {
  const test::TemporaryFolder folder;
  Loop loop;
  const auto listening = test::listen();
  auto silent = test::listen();
  silent.refuse_new_connections();
  for (const Address& address : {nobody(), listening.address(), silent.address(), folder.address(),
                                 *Address::parse("127.255.255.255:1")}) {
    Wait wait = loop.connect(address, [](Result<std::unique_ptr<Transport>>) { FAIL("given up"); });
    wait.cancel();
    wait = loop.connect(address, [](Result<std::unique_ptr<Transport>>) { FAIL("given up"); });
    wait = Wait();
    loop.run_until([] { return false; }, kShort);
  }
  // And the loop may go before it has had a turn to clean up.
  for (const Address& address : {nobody(), silent.address(), *Address::parse("127.255.255.255:1")}) {
    Loop brief;
    Wait wait = brief.connect(address, [](Result<std::unique_ptr<Transport>>) { FAIL("given up"); });
    wait.cancel();
  }
}

TEST_CASE("a pending connection waits as long as it is wanted") {
  Loop loop;
  auto silent = test::listen();
  silent.refuse_new_connections();
  bool is_over = false;
  Wait wait = loop.connect(silent.address(), [&](Result<std::unique_ptr<Transport>>) { is_over = true; });
  loop.run_until([] { return false; }, kShort);
  CHECK(wait);
  CHECK_FALSE(is_over);
}

TEST_CASE("the callback may drop the transport at once, and start another connection") {
  Loop loop;
  const auto socket = test::listen();
  int connected = 0;
  Wait wait;
  const std::function<void(Result<std::unique_ptr<Transport>>)> again = [&](auto how) {
    CHECK(how);
    if (++connected < 3) wait = loop.connect(socket.address(), again);
  };
  wait = loop.connect(socket.address(), again);
  CHECK(loop.run_until([&] { return connected == 3; }, kLong));
}

}  // namespace
}  // namespace sluice::net
