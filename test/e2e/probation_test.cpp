// Probations: a new process that answers worse gives everything back, one that does not goes on alone.
#include "probation.h"

#include <algorithm>
#include <csignal>
#include <thread>

#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("a new process that answers worse hands everything back, and no client is cut off") {
  const OnProbation at;
  const auto sockets = listening_inodes(at.port);
  KeptConnections clients(at.port, 8);
  REQUIRE(clients.all_good_for(100));
  at.write_bad();
  at.upgrade();
  REQUIRE(eventually([&] { return clients.bad() > 0; }));
  CHECK(at.is_back());
  CHECK(eventually([&] { return clients.all_good_for(200); }, 20s));
  CHECK(listening_inodes(at.port) == sockets);
  clients.stop();
  CHECK(clients.lost() == 0);
  CHECK(clients.bad() >= 10);
  const auto status = at.proxy.json("status");
  CHECK_FALSE(status.contains("probation"));
  CHECK(at.proxy.json("generation list")["generations"].back()["cause"] == "returned");
  CHECK(at.log_has("handing back cause=\"it answers worse\""));
  CHECK(at.log_has("this process goes on in place of the new one"));
  CHECK(eventually([&] { return at.successors.living().empty(); }));
  CHECK(at.is_balanced());
  // It is a process like any other, which can be upgraded.
  at.write_good();
  const pid_t next = at.upgrade();
  CHECK(next != at.old_one());
  CHECK(at.proxy.admin("upgrade --keep").exit_code == 0);
  CHECK(at.proxy.process().wait() == 0);
}

TEST_CASE("what clients spoil is no failure of a new process, however much of it comes") {
  const OnProbation at("\"1m\"");
  const pid_t next = at.upgrade();
  for (int i = 0; i < 30; ++i) {
    RawClient garbage(at.port);
    REQUIRE(garbage.send(i % 2 == 0 ? "GET / HTTP/1.1\r\n\r\n" : "\x16\x03\x01 no HTTP at all\r\n\r\n"));
    CHECK(garbage.receive().status == 400);
  }
  CHECK(RawClient(at.port).get("/hello").ok());
  const auto counted = [&] { return at.proxy.json("dispositions")["process"]["ended"]; };
  REQUIRE(eventually([&] { return counted()["bad_request"] == 30 && counted()["ok"] == 1; }));
  const auto status = at.proxy.json("status");
  CHECK(status["pid"] == next);
  CHECK(status["probation"]["now"]["failures"] == 0);
  CHECK(status["probation"]["now"]["answers"] == 1);
  CHECK(at.proxy.admin("upgrade --keep").exit_code == 0);
}

TEST_CASE("a new process that answers as before goes on alone, and the old one ends") {
  const OnProbation at("\"700ms\"");
  KeptConnections clients(at.port, 4);
  REQUIRE(clients.all_good_for(50));
  const pid_t next = at.upgrade();
  const auto status = at.proxy.json("status");
  CHECK(status["predecessor"]["stands_by"] == true);
  CHECK(status["probation"]["left_ms"].get<int>() <= 700);
  CHECK(status["probation"]["before"]["answers"].get<int>() >= 50);
  CHECK(at.proxy.process().is_running());
  CHECK(at.proxy.process().wait() == 0);
  CHECK(at.log_has("probation passed cause=\"the time is over\""));
  CHECK(pid_of(at.proxy) == next);
  CHECK(clients.all_good_for(50));
  clients.stop();
  CHECK(clients.lost() + clients.bad() == 0);
  CHECK(eventually([&] { return !at.proxy.json("status").contains("predecessor"); }));
  CHECK_FALSE(at.proxy.json("status").contains("probation"));
  CHECK(at.is_balanced());
  CHECK(at.proxy.json("dispositions")["total"]["accepted"] == clients.good());
  CHECK(at.proxy.admin("upgrade --back").exit_code == 5);
}

TEST_CASE("without a probation in the configuration no process stands by") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(proxy.process().wait() == 0);
  CHECK(proxy.admin("upgrade --back").exit_code == 5);
  CHECK(proxy.admin("upgrade --keep").exit_code == 5);
  CHECK(proxy.log().find("on probation") == std::string::npos);
}

TEST_CASE("an operator goes back: idle connections, busy ones and tunnels go there and back again") {
  const UpgradingOrigin echo;
  const OnProbation at("\"1m\"", tunnels_to(echo));
  auto idle = connect_many(at.port, under_sanitizer() ? 100 : 1000);
  std::vector<Tunnel> tunnels;
  for (int i = 0; i < 20; ++i) tunnels.emplace_back(at.port);
  KeptConnections busy(at.port, 8);
  LoopingClient slow(at.port, 4, get_request("/slow/100"));
  LoopingClient posts(at.port, 2, post_request("/echo", "once"));
  const auto all_echo = [&] {
    return std::ranges::all_of(tunnels, [](auto& each) { return each.echoes(); });
  };
  REQUIRE(all_echo());
  for (int i = 0; i < 3; ++i) {
    at.upgrade();
    CHECK(all_echo());
    if (i == 1) CHECK(count_alive(idle) == idle.size());
    CHECK(busy.all_good_for(100));
    const auto back = at.proxy.json("upgrade --back");
    CHECK(back["pid"] == at.old_one());
    CHECK(at.is_back());
    CHECK(all_echo());
    if (i < 2) CHECK(count_alive(idle) == idle.size());
    CHECK(busy.all_good_for(100));
  }
  CHECK(count_alive(idle) == idle.size());
  CHECK(all_echo());
  busy.stop();
  slow.stop();
  posts.stop();
  CHECK(busy.lost() + busy.bad() == 0);
  for (auto* load : {&slow, &posts}) {
    CHECK_MESSAGE(load->failed() == 0, load->first_failure());
    CHECK(load->told_to_close() == 0);
    CHECK(load->ok() > 8);
  }
  CHECK(eventually([&] { return at.successors.living().empty(); }));
  tunnels.clear();
  CHECK(at.is_balanced());
}

TEST_CASE("a tunnel that could not move has no bound any more after the way back, and moves next time") {
  const UpgradingOrigin echo;
  const OnProbation at("\"1m\"", tunnels_to(echo, "timeouts = { tunnel_drain = \"0s\" }\n"));
  Tunnel tunnel(at.port);
  const std::string drain = "backend drain echo " + echo.address();
  REQUIRE(at.proxy.admin(drain).exit_code == 0);  // One to a backend that drains does not move.
  at.upgrade();
  CHECK(tunnel.echoes());
  REQUIRE(at.proxy.json("upgrade --back")["pid"] == at.old_one());
  REQUIRE(at.is_back());
  const auto held_by = at.proxy.json(drain + " --wait 1ms")["held_by"];
  REQUIRE(held_by.size() == 1);
  CHECK(held_by[0]["doing"] == "tunnel");
  CHECK(held_by[0]["cut_in_ms"].is_null());
  REQUIRE(at.proxy.admin("backend ready echo " + echo.address()).exit_code == 0);
  at.upgrade();
  CHECK(eventually([&] {
    const auto backends = at.proxy.json("backend list echo")["backends"];
    return backends.size() == 1 && backends[0]["in_flight"] == 1;
  }));
  CHECK(tunnel.echoes());
}

TEST_CASE("what was changed and acknowledged meanwhile is there after the way back, and after a crash") {
  const DemoApp two;
  const DemoApp three;
  OnProbation at;
  REQUIRE(at.proxy.admin("backend add shop " + three.address() + " --wait 5s").exit_code == 0);
  // The new file has caught up with that change; the old process's has not.
  at.proxy.write_config(Proxy::pool({&at.app, &three}));
  at.upgrade();
  const auto added = at.proxy.json("backend add shop " + two.address() + " --weight 7 --wait 5s");
  REQUIRE(added["ok"] == true);
  REQUIRE(at.proxy.admin("backend drain shop " + three.address() + " --wait 5s").exit_code == 0);
  const auto number = at.proxy.json("status")["generation"].get<int>();
  REQUIRE(at.proxy.admin("upgrade --back").exit_code == 0);
  REQUIRE(at.is_back());
  const auto check_changes = [&] {
    const auto backends = at.proxy.json("backend list")["backends"];
    REQUIRE(backends.size() == 3);
    CHECK(at.proxy.state_of(three) == "draining");
    for (const auto& backend : backends) {
      if (backend["address"] == two.address()) CHECK(backend["weight"] == 7);
    }
  };
  check_changes();
  CHECK(at.proxy.state_of(two) == "healthy");
  CHECK(at.proxy.json("status")["generation"] == number + 1);
  CHECK(at.proxy.json("backend weight shop " + two.address() + " 7 --if-revision " +
                      std::to_string(number))["ok"] == false);
  at.write_good();
  at.proxy.kill();
  at.proxy.restart();
  check_changes();
  CHECK(at.proxy.json("status")["generation"].get<int>() > number + 1);
}

TEST_CASE("an upgrade during a probation is refused, until that is over") {
  const OnProbation at;
  const pid_t next = at.upgrade();
  const auto refused = at.proxy.admin("upgrade");
  CHECK(refused.exit_code == 5);
  CHECK(refused.output.find("`sluice upgrade --keep`") != std::string::npos);
  const TempDir directory;
  Child by_hand({sluice_binary(), "run", "-c", at.proxy.config_path(), "--takeover"}, directory.path("log"));
  const auto by_hand_code = by_hand.wait();
  CHECK_MESSAGE(by_hand_code == 5, by_hand.output());
  CHECK(pid_of(at.proxy) == next);
  CHECK(at.proxy.admin("upgrade --keep").exit_code == 0);
  CHECK(at.proxy.process().wait() == 0);
  CHECK(at.upgrade() != next);
}

TEST_CASE("who waits for the verdict of an upgrade gets it") {
  SUBCASE("passed") {
    const OnProbation at("\"300ms\"");
    CHECK(at.proxy.admin("upgrade --wait 20s").exit_code == 0);
    CHECK(pid_of(at.proxy) != at.old_one());
  }
  SUBCASE("rolled back") {
    const OnProbation at;
    const LoopingClient clients(at.port, 2, get_request("/hello"));
    at.write_bad();
    const auto answer = at.proxy.admin("upgrade --wait 20s");
    CHECK(answer.exit_code == 7);
    CHECK(answer.output.find("it answers worse") != std::string::npos);
    CHECK(pid_of(at.proxy) == at.old_one());
  }
  SUBCASE("not yet") {
    const OnProbation at;
    CHECK(at.proxy.admin("upgrade --wait 100ms").exit_code == 4);
    CHECK(pid_of(at.proxy) != at.old_one());
  }
}

TEST_CASE("listeners that the new process has not, or has more of, are there again as before") {
  const DemoApp app;
  const TempDir directory;
  const std::string local = "[[listener]]\nname = \"local\"\nbind = \"unix:" + directory.path("web") + "\"\n";
  Proxy proxy(local + "[[listener]]\nname = \"gone\"\nbind = \"127.0.0.2:0\"\n" + Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string gone = proxy.address("gone");
  proxy.add_to_server_table("probation = \"1m\"");
  proxy.set_in_server_table("workers", "4");
  proxy.write_config(
      "[[listener]]\nname = \"gone\"\nbind = \"127.0.0.2:0\"\n[[listener]]\nname = \"new\"\n"
      "bind = \"127.0.0.3:0\"\n" +
      Proxy::pool({&app}));
  const auto over_unix = [&] {
    return run({"curl", "-fsS", "--unix-socket", directory.path("web"), "http://x/hello"}).exit_code;
  };
  CHECK(over_unix() == 0);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(run({"curl", "-fsS", "http://" + proxy.address("new") + "/hello"}).exit_code == 0);
  CHECK(eventually([&] { return over_unix() != 0; }));
  REQUIRE(proxy.admin("upgrade --back").exit_code == 0);
  CHECK(eventually([&] { return over_unix() == 0; }));
  CHECK(run({"curl", "-fsS", "http://" + gone + "/hello"}).exit_code == 0);
  CHECK(listening_inodes(proxy.port()).size() == 2);
}

TEST_CASE("twenty upgrades, and as many ways back, fail nothing under ab -k") {
  const OnProbation at;
  AbResult ab;
  const std::string url = at.proxy.url("/hello");
  std::jthread load([&](const std::stop_token& over) {
    do ab = run_ab("-k -c 20 -n 4000", url);
    while (ab.failed + ab.not_2xx == 0 && ab.exit_code == 0 && !over.stop_requested());
  });
  for (int i = 0; i < 20; ++i) {
    at.upgrade();
    const auto back = at.proxy.admin("upgrade --back");
    CHECK_MESSAGE(back.exit_code == 0, back.output);
  }
  load.request_stop();
  load.join();
  INFO(ab.output);
  CHECK(ab.exit_code == 0);
  CHECK(ab.failed + ab.not_2xx == 0);
  CHECK(ab.complete == 4000);
  CHECK(at.proxy.json("status")["generation"] == 41);
  CHECK(eventually([&] { return at.successors.living().empty(); }));
  CHECK(at.is_balanced());
}

}  // namespace
}  // namespace sluice::e2e
