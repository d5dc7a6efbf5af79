// Probations in which a process dies, hangs or is stopped: somebody always goes on, with what was
// acknowledged.
#include <csignal>
#include <random>
#include <thread>

#include "probation.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE(
    "a new process that crashes on probation is survived by the old one, and so are queues and changes") {
  OnProbation at;
  const DemoApp two;
  const auto sockets = listening_inodes(at.port);
  const pid_t next = at.upgrade();
  REQUIRE(at.proxy.admin("backend add shop " + two.address() + " --weight 5 --wait 5s").exit_code == 0);
  const auto number = at.proxy.json("status")["generation"].get<int>();
  RawClient ahead(at.port);
  CHECK(ahead.get("/hello").ok());
  freeze(next);  // So that those who come now are in the queue when it dies.
  std::vector<RawClient> waiting = connect_many(at.port, 50);
  for (auto& client : waiting) REQUIRE(client.send(get_request("/hello")));
  ::kill(next, SIGKILL);
  for (auto& client : waiting) CHECK(client.receive().ok());
  CHECK(at.is_back());
  CHECK(listening_inodes(at.port) == sockets);
  CHECK(at.proxy.json("backend list")["backends"].size() == 2);
  CHECK(at.proxy.json("status")["generation"] == number + 1);
  CHECK(at.proxy.json("generation list")["generations"].back()["cause"] == "returned");
  CHECK(at.proxy.json("status")["requests"]["accepted"] >= 50);
  CHECK(at.is_balanced());
  CHECK(at.proxy.admin("backend weight shop " + two.address() + " 6").exit_code == 0);
  at.proxy.kill();
  at.proxy.restart();
  const auto backends = at.proxy.json("backend list")["backends"];
  REQUIRE(backends.size() == 2);
  CHECK(backends[1]["weight"] == 6);
}

TEST_CASE("whenever the new process is killed, the way back included, what was acknowledged is there") {
  const OnProbation at;
  std::mt19937 random(4711);
  int tried = 1;
  for (int round = 0; round < 10; ++round) {
    const pid_t next = at.upgrade();
    const int wait_ms = std::uniform_int_distribution(0, 150)(random);
    std::jthread killer([&] {
      std::this_thread::sleep_for(milliseconds(wait_ms));  // The moment of the crash.
      if (at.successors.living() == std::vector{next}) ::kill(next, SIGKILL);
    });
    int acknowledged = tried;
    for (int i = 0; i < 3; ++i) {
      ++tried;
      const auto done =
          at.proxy.admin("backend weight shop " + at.app.address() + " " + std::to_string(tried));
      if (done.exit_code != 0) break;
      acknowledged = tried;
    }
    at.proxy.admin("upgrade --back");
    killer.join();
    REQUIRE(at.is_back());
    const int weight = at.proxy.json("backend list")["backends"][0]["weight"].get<int>();
    INFO("round ", round, " after ", wait_ms, " ms");
    CHECK(weight >= acknowledged);
    CHECK(weight <= tried);
    CHECK(RawClient(at.port).get("/hello").ok());
    tried = weight;
  }
  CHECK(at.is_balanced());
}

TEST_CASE("connections that had not moved when the new process crashes go on in the old one") {
  const OnProbation at;
  RawClient slow(at.port);
  REQUIRE(slow.send(get_request("/slow/1500")));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  const pid_t next = at.upgrade();
  ::kill(next, SIGKILL);
  CHECK(at.is_back());
  const auto response = slow.receive();
  CHECK(response.body == "slow\n");
  CHECK(response.head.find("Connection: close") == std::string::npos);
  CHECK(slow.get("/hello").ok());
}

TEST_CASE("a new process that hangs on probation is ended, and the old one goes on") {
  OnProbation at;
  at.proxy.add_to_server_table("takeover_timeout = \"1s\"");
  at.write_good();
  REQUIRE(at.proxy.admin("reload").exit_code == 0);
  const pid_t next = at.upgrade();
  freeze(next);
  RawClient waiting(at.port);
  REQUIRE(waiting.send(get_request("/hello")));
  CHECK(waiting.receive().ok());
  CHECK(at.is_back());
  CHECK(at.log_has("the new process is silent for_ms=3000"));
  CHECK(eventually([&] { return at.successors.living().empty(); }));
}

TEST_CASE("an old process that dies while it stands by leaves the new one to go on alone") {
  const OnProbation at;
  KeptConnections clients(at.port, 4);
  const pid_t next = at.upgrade();
  REQUIRE(clients.all_good_for(50));
  at.proxy.process().send_signal(SIGKILL);
  CHECK(at.proxy.process().wait() == 128 + SIGKILL);
  CHECK(eventually(
      [&] { return at.log_has("probation passed cause=\"the process before this one is gone\""); }));
  CHECK(pid_of(at.proxy) == next);
  CHECK(clients.all_good_for(50));
  clients.stop();
  CHECK(clients.lost() == 0);
  const DemoApp two;
  CHECK(at.proxy.admin("backend add shop " + two.address() + " --wait 5s").exit_code == 0);
  CHECK(at.upgrade() != next);
}

TEST_CASE("a stop is a stop: both processes end, whichever of them is told") {
  for (const bool old_one : {true, false}) {
    CAPTURE(old_one);
    const OnProbation at;
    const pid_t next = at.upgrade();
    RawClient slow(at.port);
    REQUIRE(slow.send(get_request("/slow/500")));
    REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
    ::kill(old_one ? at.old_one() : next, SIGTERM);
    CHECK(slow.receive().body == "slow\n");
    CHECK(at.proxy.process().wait() == 0);
    CHECK(eventually([&] { return at.successors.living().empty(); }));
    CHECK(at.log_has("the new process was stopped"));
    CHECK_FALSE(at.log_has("balanced=no"));
  }
}

TEST_CASE("a reload by signal goes to the new process, whichever of them is told") {
  const OnProbation at;
  at.upgrade();
  ::kill(at.old_one(), SIGHUP);
  CHECK(eventually(
      [&] { return at.proxy.json("generation list")["generations"].back()["cause"] == "reload"; }));
  REQUIRE(at.proxy.admin("upgrade --back").exit_code == 0);
  CHECK(at.is_back());
}

TEST_CASE("a paused pool keeps the new process until it is resumed") {
  const OnProbation at;
  const pid_t next = at.upgrade();
  REQUIRE(at.proxy.admin("pool pause shop").exit_code == 0);
  const auto refused = at.proxy.admin("upgrade --back");
  CHECK(refused.exit_code == 5);
  CHECK(refused.output.find("is paused") != std::string::npos);
  CHECK(pid_of(at.proxy) == next);
  REQUIRE(at.proxy.admin("pool resume shop").exit_code == 0);
  CHECK(at.proxy.admin("upgrade --back").exit_code == 0);
  CHECK(at.is_back());
}

// ---- with one side played by the test

TEST_CASE("a new process of a release that knows no probation takes over as it always did") {
  const OnProbation at;
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello(2));
  const auto state = peer.hear_until("state");
  REQUIRE(state);
  CHECK((*state)["version"] == 2);
  peer.say(TakeoverPeer::ready(10));
  const auto yours = peer.hear_until("yours");
  REQUIRE(yours);
  CHECK_FALSE(yours->contains("stands_by"));
  CHECK(at.proxy.process().wait() == 0);
}

TEST_CASE("a connection that found no place in the new process is not ended once that has crashed") {
  const OnProbation at;
  RawClient client(at.port);
  REQUIRE(client.get("/hello").ok());
  {
    TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello(3));
    REQUIRE(peer.hear_until("state"));
    peer.say(TakeoverPeer::ready(1, true));
    REQUIRE(peer.hear_until("connections"));
    peer.say(TakeoverPeer::no_room());
  }
  REQUIRE(at.is_back());
  const auto response = client.get("/hello");
  CHECK(response.ok());
  CHECK_FALSE(says_close(response));
  const pid_t next = at.upgrade();
  CHECK(next != at.old_one());
  CHECK(client.get("/hello").ok());
}

TEST_CASE("a new process that says nothing of its end has crashed, and damaged words are no verdict") {
  const OnProbation at;
  {
    TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello(3));
    REQUIRE(peer.hear_until("state"));
    peer.say(TakeoverPeer::ready(10, true));
    const auto yours = peer.hear_until("yours");
    REQUIRE(yours);
    CHECK((*yours)["stands_by"]["failures"] == 0);
    peer.say({{"message", "verdict"}, {"verdict", "guilty"}, {"why", ""}});
    peer.say({{"message", "sing"}});
    CHECK(peer.hear_until("yours"));
    CHECK(at.proxy.process().is_running());
  }
  CHECK(at.is_back());
  CHECK(RawClient(at.port).get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
