// Probations whose course is interrupted: processes that are frozen for a while, stops and reloads in the
// middle, a way back that comes too late. Nobody is left waiting for what does not come.
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include "probation.h"
#include "takeover_peer.h"
#include "takeover_relay.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using From = TakeoverRelay::From;

bool is_time_over(const OnProbation& at, milliseconds time) {
  return at.proxy.json("status")["probation"]["left_ms"].get<int>() < 60000 - time.count();
}

TEST_CASE("an old process that was frozen for long does not take the new one for silent") {
  OnProbation at;
  at.set_takeover_timeout("500ms");
  KeptConnections clients(at.port, 4);
  const pid_t next = at.upgrade();
  freeze(at.old_one());
  CHECK(eventually([&] { return is_time_over(at, 4s); }));
  ::kill(at.old_one(), SIGCONT);
  ::kill(at.old_one(), SIGHUP);  // That the new one hears of it says that the old one has come round.
  CHECK(eventually(
      [&] { return at.proxy.json("generation list")["generations"].back()["cause"] == "reload"; }));
  CHECK(clients.all_good_for(50));
  CHECK(pid_of(at.proxy) == next);
  CHECK_FALSE(at.log_has("is silent"));
  clients.stop();
  CHECK(clients.lost() == 0);
}

TEST_CASE("a stop on probation ends the old process, too, when the new one hangs") {
  OnProbation at;
  at.set_takeover_timeout("500ms");
  freeze(at.upgrade());
  at.proxy.process().send_signal(SIGTERM);
  CHECK(at.proxy.process().wait() == 0);
  CHECK(eventually([&] { return at.successors.living().empty(); }));
}

TEST_CASE("a stop that both processes hear of, as from a terminal, is one and a drain; two are a hard stop") {
  for (const int times : {1, 2}) {
    CAPTURE(times);
    const OnProbation at;
    const pid_t next = at.upgrade();
    RawClient slow(at.port);
    REQUIRE(slow.send(get_request("/slow/1000")));
    REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
    for (int i = 0; i < times; ++i) {
      for (const pid_t each : {next, at.old_one()}) ::kill(each, SIGINT);
      if (i == 0) CHECK(eventually([&] { return at.log_has("stopping drain_timeout_ms"); }));
    }
    CHECK((slow.receive().body == "slow\n") == (times == 1));
    CHECK(at.proxy.process().wait() == 0);
    CHECK(eventually([&] { return at.successors.living().empty(); }));
  }
}

TEST_CASE("who waits for the verdict hears of a stop that there will be none") {
  const OnProbation at;
  std::optional<Finished> answer;
  std::jthread waits([&] { answer = at.proxy.admin("upgrade --wait 1m"); });
  REQUIRE(eventually([&] { return at.log_has("on probation time_ms"); }));
  at.proxy.process().send_signal(SIGTERM);
  CHECK(at.proxy.process().wait() == 0);
  waits.join();
  CHECK(answer->exit_code == 5);
  CHECK(answer->output.find("stopped") != std::string::npos);
}

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
  late.say(TakeoverPeer::ready(10));
  CHECK(late.hear_until("refused"));
  CHECK(at.proxy.process().wait() == 0);
  CHECK(pid_of(at.proxy) == next);
  CHECK(RawClient(at.port).get("/hello").ok());
}

/// The old process comes back through a relay, which holds the last word of the new one.
struct OnItsWayBack {
  OnItsWayBack() {
    at.upgrade();
    slow.emplace(at.port);
    REQUIRE(slow->send(get_request("/slow/3000")));  // The new process has not ended before that.
    REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
    const std::string moved = directory.path("admin.sock");
    std::filesystem::rename(at.proxy.socket_path(), moved);
    relay.emplace(at.proxy.socket_path(), moved);
    relay->hold(From::old_one, "yours");
    run({sluice_binary(), "-s", moved, "upgrade", "--back"});
    REQUIRE(eventually([&] { return relay->is_holding(); }));
    REQUIRE(eventually([&] { return at.log_has("handed back new_pid="); }));
  }

  OnProbation at;
  TempDir directory;
  std::optional<TakeoverRelay> relay;
  std::optional<RawClient> slow;
};

TEST_CASE("a stop just before the old process hears that it is the one again is its own to do") {
  OnItsWayBack way;
  way.at.proxy.process().send_signal(SIGTERM);
  REQUIRE(eventually([&] { return way.at.log_has("told to stop, and drains already"); }));
  way.relay->let_go();
  CHECK(way.slow->receive().body == "slow\n");
  CHECK(way.at.proxy.process().wait() == 0);
}

TEST_CASE("a reload just before the old process hears that it is the one again is its own to do") {
  OnItsWayBack way;
  way.at.proxy.process().send_signal(SIGHUP);
  REQUIRE(eventually([&] { return way.at.log_has("reload refused"); }));
  way.relay->let_go();
  CHECK(eventually([&] { return way.at.log_has("cause=reload"); }));
}

bool has_open(pid_t process, const std::string& path) {
  for (const auto& each : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd")) {
    std::error_code closed_meanwhile;
    if (std::filesystem::read_symlink(each.path(), closed_meanwhile) == path) return true;
  }
  return false;
}

TEST_CASE("logs that are rotated on probation get what the old process says, too") {
  OnProbation at;
  const TempDir directory;
  const std::string log = directory.path("log");
  at.proxy.add_to_server_table("log = { path = \"" + log + "\" }");
  at.write_good();
  REQUIRE(at.proxy.admin("reload").exit_code == 0);
  at.upgrade();
  std::filesystem::rename(log, directory.path("log.1"));
  at.proxy.process().send_signal(SIGUSR1);
  CHECK(eventually([&] { return has_open(at.old_one(), log); }));
  CHECK(at.proxy.admin("upgrade --back").exit_code == 0);
  const auto has = [](const std::string& path) {
    return read_file(path).find("this process goes on in place of the new one") != std::string::npos;
  };
  CHECK(eventually([&] { return has(log); }));
  CHECK_FALSE(has(directory.path("log.1")));
}

TEST_CASE("an old process does not wait for what a new one that was stopped has not answered") {
  const OnProbation at;
  RawClient idle(at.port);
  CHECK(idle.get("/hello").ok());
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello(3));
  REQUIRE(peer.hear_until("state"));
  peer.say(TakeoverPeer::ready(10, true));
  REQUIRE(peer.hear_until("connections"));
  peer.say({{"message", "verdict"}, {"verdict", "stopping"}, {"why", ""}});
  peer.hang_up();
  CHECK(at.proxy.process().wait(15s) == 0);  // server.drain_timeout is 30s.
}

}  // namespace
}  // namespace sluice::e2e
