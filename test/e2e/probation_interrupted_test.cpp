// Probations whose course is interrupted: processes that are frozen for a while, stops and reloads in the
// middle, a way back that comes too late. Nobody is left waiting for what does not come.
#include <csignal>
#include <filesystem>

#include "probation.h"
#include "takeover_peer.h"
#include "takeover_relay.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using From = TakeoverRelay::From;

TEST_CASE("who comes to take back what has been passed meanwhile is refused") {
  const OnProbation at;
  const pid_t next = at.upgrade();
  TakeoverPeer late(at.proxy.socket_path());
  auto hello = TakeoverPeer::hello(3);
  hello["comes_back"] = true;
  late.say(hello);
  REQUIRE(late.hear_until("state"));
  CHECK(at.proxy.admin("upgrade --keep").exit_code == 0);
  late.say({{"message", "ready"}, {"listeners", {"127.0.0.1:0"}}, {"admin", true}, {"room", 10}});
  CHECK(late.hear_until("refused"));
  CHECK(at.proxy.process().wait() == 0);
  CHECK(pid_of(at.proxy) == next);
  CHECK(RawClient(at.port).get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
