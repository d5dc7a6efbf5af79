// Every policy with real backends: who gets what, who stays where, and what waits.
#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include "fixtures.h"
#include "raw_client.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

constexpr int kRequests = 300;

std::string backend(const DemoApp& app, const std::string& more) {
  return "{ address = \"" + app.address() + "\", " + more + " }";
}

/// [pool.shop] of backends as the file spells them.
std::string pool_of(const std::vector<std::string>& backends, const std::string& more = "") {
  std::string list;
  for (const auto& text : backends) list += (list.empty() ? "" : ", ") + text;
  return "[pool.shop]\nbackends = [" + list + "]\nhealth = { interval = \"100ms\", timeout = \"10s\" }\n" +
         more;
}

/// What each backend has got so far, by address.
std::map<std::string, int> requests(const Proxy& proxy) {
  std::map<std::string, int> counts;
  const auto list = proxy.json("backend list");
  for (const auto& entry : list["backends"]) {
    counts[entry["address"].get<std::string>()] = entry["requests"].get<int>();
  }
  return counts;
}

std::string get_with(const std::string& field) {
  return "GET /hello HTTP/1.1\r\nHost: h\r\n" + field + "\r\n\r\n";
}

/// The version of the backend that answers.
std::string place_of(RawClient& client, const std::string& request) {
  REQUIRE(client.send(request));
  const auto response = client.receive();
  REQUIRE_MESSAGE(response.ok(), response.error);
  const auto begin = response.head.find("X-Version: ");
  REQUIRE(begin != std::string::npos);
  const auto value = response.head.substr(begin + 11);
  return value.substr(0, value.find('\r'));
}

/// "sluice=0123456789abcdef"; empty when the response sets no cookie.
std::string cookie_of(const Response& response) {
  const auto begin = response.head.find("Set-Cookie: ");
  if (begin == std::string::npos) return "";
  const auto value = response.head.substr(begin + 12);
  return value.substr(0, value.find(';'));
}

TEST_CASE("every policy gives each backend its part by weight, over both workers") {
  for (const std::string policy : {"round_robin", "least_requests", "random_two", "sticky_cookie"}) {
    CAPTURE(policy);
    // By latency, too: beside an answer's 20 ms it counts little that a busy machine is late now and then.
    const bool is_by_latency = policy == "random_two";
    const DemoApp light({.delay = is_by_latency ? "20ms" : "0ms"});
    const DemoApp heavy({.delay = is_by_latency ? "20ms" : "0ms"});
    const int asked = is_by_latency ? kRequests / 2 : kRequests;
    const Proxy proxy(pool_of({backend(light, "weight = 1"), backend(heavy, "weight = 3")},
                              "balance = \"" + policy + "\"\n"));
    REQUIRE(proxy.wait_for_healthy(2));
    RawClient one(proxy.port());
    RawClient other(proxy.port());
    for (int i = 0; i < asked / 2; ++i) {
      REQUIRE(one.get("/hello").ok());
      REQUIRE(other.get("/hello").ok());
    }
    const int part = requests(proxy)[heavy.address()];
    CHECK(part > asked * 0.60);
    CHECK(part < asked * 0.90);
    CHECK(proxy.admin("pool list").output.find("shop balance=" + policy) != std::string::npos);
  }
}

TEST_CASE("least requests goes around a backend that is slow") {
  const DemoApp slow({.delay = "300ms"});
  const DemoApp quick;
  const Proxy proxy(Proxy::pool({&slow, &quick}, "balance = \"least_requests\"\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  REQUIRE(eventually([&] { return gets.ok() > 1000; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(requests(proxy)[slow.address()] < 100);
}

TEST_CASE("random two learns which backend is slow, though nothing is in flight to it") {
  const DemoApp slow({.delay = "100ms"});
  const DemoApp quick;
  const Proxy proxy(Proxy::pool({&slow, &quick}, "balance = \"random_two\"\n"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 100; ++i) REQUIRE(client.get("/hello").ok());
  CHECK(requests(proxy)[slow.address()] < 10);
}

TEST_CASE("hash keeps a key at its backend over workers, and moves few keys when a backend leaves") {
  const DemoApp apps[4] = {DemoApp({.version = "0"}), DemoApp({.version = "1"}), DemoApp({.version = "2"}),
                           DemoApp({.version = "3"})};
  const Proxy proxy(Proxy::pool({&apps[0], &apps[1], &apps[2], &apps[3]},
                                "balance = { policy = \"hash\", key = \"header:X-User\" }\n"));
  REQUIRE(proxy.wait_for_healthy(4));
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(proxy.port());
  constexpr int kUsers = 24;
  const auto places = [&] {
    std::vector<std::string> all;
    for (int user = 0; user < kUsers; ++user) {
      const std::string request = get_with("X-User: user" + std::to_string(user));
      all.push_back(place_of(clients[0], request));
      for (auto& client : clients) CHECK(place_of(client, request) == all.back());
    }
    return all;
  };
  const auto before = places();
  CHECK(std::set(before.begin(), before.end()).size() == 4);
  REQUIRE(proxy.admin("backend remove shop " + apps[1].address() + " --wait 10s").exit_code == 0);
  const auto after = places();
  for (int user = 0; user < kUsers; ++user) {
    const auto i = static_cast<size_t>(user);
    if (before[i] == "1") CHECK(after[i] != before[i]);
    if (before[i] != "1") CHECK(after[i] == before[i]);
  }
}

TEST_CASE(
    "a sticky client stays over reload and restart, and goes elsewhere with a new cookie when it must") {
  const DemoApp one({.version = "one"});
  const DemoApp two({.version = "two"});
  Proxy proxy(Proxy::pool({&one, &two}, "balance = { policy = \"sticky_cookie\", cookie = \"seat\" }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  const auto first = client.get("/hello");
  const std::string cookie = cookie_of(first);
  REQUIRE(cookie.starts_with("seat="));
  CHECK(first.head.find("; Path=/; HttpOnly; SameSite=Lax\r\n") != std::string::npos);
  const std::string request = get_with("Cookie: other=1; " + cookie);
  const std::string home = place_of(client, request);
  const DemoApp& its = home == "one" ? one : two;
  const auto stays = [&] {
    for (int i = 0; i < 6; ++i) CHECK(place_of(client, request) == home);
    REQUIRE(client.send(request));
    CHECK(cookie_of(client.receive()) == "");
  };
  stays();
  REQUIRE(proxy.admin("reload").exit_code == 0);
  stays();
  proxy.process().send_signal(SIGTERM);
  proxy.process().wait();
  proxy.restart();
  REQUIRE(proxy.wait_for_healthy(2));
  client = RawClient(proxy.port());
  stays();
  SUBCASE("it drains") {
    its.set_ping("draining");
    REQUIRE(eventually([&] { return proxy.state_of(its) == "draining"; }));
  }
  SUBCASE("it is removed") {
    REQUIRE(proxy.admin("backend remove shop " + its.address() + " --wait 10s").exit_code == 0);
  }
  REQUIRE(client.send(request));
  const std::string next = cookie_of(client.receive());
  CHECK(next.starts_with("seat="));
  CHECK(next != cookie);
  CHECK(place_of(client, get_with("Cookie: " + next)) != home);
}

TEST_CASE("weight 0: nothing new comes, and clients with its cookie and tunnels stay") {
  const UpgradingOrigin one;
  const UpgradingOrigin two;
  const Proxy proxy(pool_of({"\"" + one.address() + "\"", "\"" + two.address() + "\""},
                            "balance = \"sticky_cookie\"\ntimeouts = { tunnel_drain = \"1ms\" }\n"),
                    1);
  REQUIRE(proxy.wait_for_healthy(2));
  Tunnel tunnel(proxy.port());
  const auto list = proxy.json("backend list")["backends"];
  const std::string its = (list[0]["in_flight"] == 1 ? one : two).address();
  RawClient client(proxy.port());
  std::string cookie;
  for (int i = 0; i < 2; ++i) {
    const int before = requests(proxy)[its];
    const auto response = client.get("/hello");
    if (requests(proxy)[its] > before) cookie = cookie_of(response);
  }
  REQUIRE(!cookie.empty());
  REQUIRE(proxy.admin("backend weight shop " + its + " 0").exit_code == 0);
  const int before = requests(proxy)[its];
  for (int i = 0; i < 10; ++i) CHECK(client.get("/hello").ok());
  CHECK(requests(proxy)[its] == before);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(client.send(get_with("Cookie: " + cookie)));
    const auto response = client.receive();
    CHECK(response.ok());
    CHECK(cookie_of(response) == "");
  }
  CHECK(requests(proxy)[its] == before + 10);
  CHECK(tunnel.echoes());
  REQUIRE(proxy.admin("backend weight shop " + its + " 1").exit_code == 0);
  for (int i = 0; i < 2; ++i) CHECK(client.get("/hello").ok());
  CHECK(requests(proxy)[its] == before + 11);
}

TEST_CASE("a stand-by gets requests while the others are away, and none when they are back") {
  DemoApp first;
  const DemoApp standby;
  const Proxy proxy(pool_of({backend(first, "priority = 0"), backend(standby, "priority = 1")},
                            "queue = { timeout = \"10s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 2, get_request("/hello"));
  REQUIRE(eventually([&] { return gets.ok() > 100; }));
  CHECK(requests(proxy)[standby.address()] == 0);
  first.kill();
  REQUIRE(eventually([&] { return requests(proxy)[standby.address()] > 100; }));
  const int served = requests(proxy)[first.address()];
  first.restart();
  REQUIRE(eventually([&] { return requests(proxy)[first.address()] > served + 100; }));
  const int before = requests(proxy)[standby.address()];
  const uint64_t ok = gets.ok();
  REQUIRE(eventually([&] { return gets.ok() > ok + 200; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(requests(proxy)[standby.address()] <= before + 10);
}

TEST_CASE("the own zone goes first, as soon as a reload says which that is") {
  const DemoApp near;
  const DemoApp far;
  const std::string toml = pool_of({backend(near, "zone = \"a\""), backend(far, "zone = \"b\"")});
  Proxy proxy(toml);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  const auto ask = [&] {
    for (int i = 0; i < 20; ++i) REQUIRE(client.get("/hello").ok());
    return requests(proxy)[far.address()];
  };
  const int before = ask();
  CHECK(before == 10);
  proxy.add_to_server_table("zone = \"a\"");
  proxy.write_config(toml);
  CHECK(proxy.admin("reload").output.find("~ server: zone = \"a\" (was not set)") != std::string::npos);
  CHECK(ask() == before);
}

TEST_CASE(
    "a backend never has more requests than its bound; the others wait in line, on whichever worker [tsan]") {
  const DemoApp app;
  const Proxy proxy(pool_of({backend(app, "max_requests = 2")}, "queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient gets(proxy.port(), 16, get_request("/slow/5"));
  int most = 0;
  const bool enough = eventually([&] {
    most = std::max(most, proxy.json("backend list")["backends"][0]["in_flight"].get<int>());
    return gets.ok() > 300;
  });
  CHECK(enough);
  gets.stop();
  CHECK(most == 2);
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  // 16 clients share 2 places of some 6 ms each: 50 ms for each of them, and none is forgotten.
  CHECK(gets.worst() < 2s);
}

TEST_CASE("few clients of one worker do not starve those of another at a full backend") {
  const DemoApp app;
  const Proxy proxy(pool_of({backend(app, "max_requests = 1")}, "queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient gets(proxy.port(), 3, get_request("/hello"));
  REQUIRE(eventually([&] { return gets.ok() > 2000; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(gets.worst() < 500ms);
}

TEST_CASE("policies change by reload under load, and nothing fails [tsan]") {
  const DemoApp one;
  const DemoApp two;
  Proxy proxy(Proxy::pool({&one, &two}));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  for (int round = 0; round < 3; ++round) {
    for (const std::string balance :
         {"\"least_requests\"", "\"random_two\"", "{ policy = \"hash\", key = \"path\" }",
          "\"sticky_cookie\"", "\"round_robin\""}) {
      proxy.write_config(Proxy::pool({&one, &two}, "balance = " + balance + "\n"));
      REQUIRE(proxy.admin("reload").exit_code == 0);
      CHECK(proxy.admin("pool show shop").output.find("\nbalance = ") != std::string::npos);
      const uint64_t before = gets.ok();
      REQUIRE(eventually([&] { return gets.ok() > before + 20; }));
    }
  }
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  proxy.write_config(Proxy::pool({&one, &two}, "balance = \"hush\"\n"));
  const auto refused = proxy.admin("reload");
  CHECK(refused.exit_code == 3);
  CHECK(refused.output.find("pool.shop.balance: expected one of") != std::string::npos);
}

}  // namespace
}  // namespace sluice::e2e
