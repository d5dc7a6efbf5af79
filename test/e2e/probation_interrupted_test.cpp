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

TEST_CASE("connections go on moving once a probation is passed that was to be ended") {
  OnProbation at;
  at.set_takeover_timeout("500ms");
  RawClient slow(at.port);
  REQUIRE(slow.send(get_request("/slow/1500")));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  at.upgrade();
  freeze(at.old_one());
  CHECK(at.proxy.admin("upgrade --back").exit_code == 4);
  CHECK(at.proxy.admin("upgrade --keep").exit_code == 0);
  ::kill(at.old_one(), SIGCONT);
  CHECK(slow.receive().body == "slow\n");
  CHECK(slow.get("/hello").ok());
  CHECK(at.proxy.process().wait() == 0);
}

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

TEST_CASE("an old process does not wait for what a new one that was stopped has not answered") {
  const OnProbation at;
  RawClient idle(at.port);
  CHECK(idle.get("/hello").ok());
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello(3));
  REQUIRE(peer.hear_until("state"));
  peer.say({{"message", "ready"},
            {"listeners", {"127.0.0.1:0"}},
            {"admin", true},
            {"room", 10},
            {"probation", true}});
  REQUIRE(peer.hear_until("connections"));
  peer.say({{"message", "verdict"}, {"verdict", "stopping"}, {"why", ""}});
  peer.hang_up();
  CHECK(at.proxy.process().wait(15s) == 0);  // server.drain_timeout is 30s.
}

}  // namespace
}  // namespace sluice::e2e
