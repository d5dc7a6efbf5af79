// Listeners whose addresses overlap those of the ones before: by reload, by upgrade, and back.
#include <atomic>
#include <csignal>
#include <list>
#include <thread>

#include "fixtures.h"
#include "probation.h"
#include "raw_client.h"
#include "reserved_port.h"
#include "successors.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string on_loopback(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

std::string on_all(int port) {
  return "0.0.0.0:" + std::to_string(port);
}

std::string listener(const std::string& bind) {
  return "[[listener]]\nname = \"" + bind + "\"\nbind = \"" + bind + "\"\n";
}

/// Connects anew for each request, from the first to the last.
class Newcomers {
 public:
  explicit Newcomers(int port) : thread_([this, port] { loop(port); }) {}
  ~Newcomers() { stop(); }
  Newcomers(const Newcomers&) = delete;
  Newcomers& operator=(const Newcomers&) = delete;
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint64_t failed() const { return failed_; }
  bool some_more() const {
    const uint64_t before = served_;
    return eventually([&] { return served_ > before + 5; });
  }

 private:
  void loop(int port) {
    while (!stopping_) ++(RawClient(port).get("/hello").ok() ? served_ : failed_);
  }

  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> served_{0};
  std::atomic<uint64_t> failed_{0};
  std::thread thread_;
};

struct Moving {
  explicit Moving(const std::string& command, const std::string& drain_timeout = "")
      : change(command), proxy(listener(on_loopback(port)) + rest()) {
    REQUIRE(proxy.wait_for_healthy(1));
    if (drain_timeout.empty()) return;
    proxy.set_in_server_table("drain_timeout", drain_timeout);
    proxy.write_config(listener(on_loopback(port)) + rest());
    REQUIRE(proxy.admin("reload").exit_code == 0);
  }
  std::string rest() const { return Proxy::pool({&app}); }
  void go_to(const std::string& listeners) {
    proxy.write_config(listeners + rest());
    const auto done = proxy.admin(change);
    CHECK_MESSAGE(done.exit_code == 0, done.output);
  }

  std::string change;
  DemoApp app;
  int port = reserve_port();
  Proxy proxy;
  Successors successors{proxy};
};

TEST_CASE("a listener goes from one address to all of them and back, and every client is served") {
  for (const auto* const change : {"reload", "upgrade"}) {
    CAPTURE(change);
    Moving at(change);
    Newcomers newcomers(at.port);
    for (const bool rests : {true, false}) {
      at.go_to(listener(on_all(at.port)));
      if (rests) CHECK(newcomers.some_more());
      at.go_to(listener(on_loopback(at.port)));
      if (rests) CHECK(newcomers.some_more());
    }
    CHECK(newcomers.some_more());
    newcomers.stop();
    CHECK(newcomers.failed() == 0);
    CHECK(at.proxy.log().find("listener lost") == std::string::npos);
  }
}

TEST_CASE("a short drain timeout drops no client that has connected to a listener that an upgrade moves") {
  Moving at("upgrade", "\"1ms\"");
  std::list<Newcomers> newcomers;
  for (int i = 0; i < 4; ++i) newcomers.emplace_back(at.port);
  for (int i = 0; i < 2; ++i) {
    at.go_to(listener(on_all(at.port)));
    at.go_to(listener(on_loopback(at.port)));
  }
  CHECK(eventually([&] { return at.successors.living().size() == 1; }));
  for (auto& each : newcomers) each.stop();
  for (const auto& each : newcomers) CHECK(each.failed() == 0);
}

TEST_CASE("listeners of one port merge into one for all addresses, and split again") {
  for (const auto* const change : {"reload", "upgrade"}) {
    CAPTURE(change);
    Moving at(change);
    Newcomers newcomers(at.port);
    const std::string second = "127.0.0.2:" + std::to_string(at.port);
    const auto is_second_served = [&] {
      return run({"curl", "-fsS", "http://" + second + "/hello"}).output == "Hello World!\n";
    };
    at.go_to(listener(on_loopback(at.port)) + listener(second));
    CHECK(is_second_served());
    at.go_to(listener(on_all(at.port)) + listener("[::]:" + std::to_string(at.port)));
    CHECK(is_second_served());
    at.go_to(listener(on_all(at.port)) + listener(second));
    CHECK(is_second_served());
    at.go_to(listener(on_loopback(at.port)) + listener(second));
    CHECK(is_second_served());
    CHECK(newcomers.some_more());
    newcomers.stop();
    CHECK(newcomers.failed() == 0);
  }
}

TEST_CASE("an address that another process of the same user listens on is not shared with it") {
  Moving at("reload");
  const Proxy other(listener(on_loopback(reserve_port())) + at.rest());
  other.write_config(listener(on_all(at.port)) + at.rest());
  const auto refused = other.admin("reload");
  CHECK(refused.exit_code != 0);
  CHECK(refused.output.find(on_all(at.port)) != std::string::npos);
}

TEST_CASE("a probation that fails gives a widened listener back as it was") {
  const int second = reserve_port();
  OnProbation at("\"1m\"", listener(on_loopback(second)));
  const auto is_served = [&] { return RawClient(second).get("/hello").ok(); };
  CHECK(is_served());
  at.more = listener(on_all(second));
  at.write_good();
  const pid_t next = at.upgrade();
  CHECK(is_served());
  SUBCASE("on command") {
    CHECK(at.proxy.admin("upgrade --back").exit_code == 0);
  }
  SUBCASE("by a crash") {
    ::kill(next, SIGKILL);
  }
  CHECK(at.is_back());
  CHECK(is_served());
  CHECK_FALSE(at.log_has("listener lost"));
}

TEST_CASE("what an upgrade takes away is refused soon, and can be put back, while the old process ends") {
  const DemoApp app;
  const int second = reserve_port();
  Proxy proxy(listener(on_loopback(second)) + Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient slow(proxy.port());
  REQUIRE(slow.send(get_request("/slow/5000")));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
  proxy.write_config(Proxy::pool({&app}));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  RawClient late;
  CHECK(eventually([&] { return !late.connect(second); }));
  proxy.write_config(listener(on_loopback(second)) + Proxy::pool({&app}));
  SUBCASE("by a reload") {
    CHECK(proxy.admin("reload").exit_code == 0);
  }
  SUBCASE("by a reload, once it is free") {
    CHECK(eventually([&] { return listening_inodes(second).empty(); }));
    CHECK(proxy.admin("reload").exit_code == 0);
  }
  SUBCASE("by an upgrade") {
    CHECK(proxy.admin("upgrade").exit_code == 0);
  }
  for (int i = 0; i < 20; ++i) CHECK(RawClient(second).get("/hello").ok());
  CHECK(proxy.process().is_running());
  CHECK(slow.receive().body == "slow\n");
}

/// As many clients as there may be, over both workers.
struct Full {
  Full() : proxy(Proxy::pool({&app})) {
    proxy.add_to_server_table("max_connections = 20");
    proxy.write_config(Proxy::pool({&app}));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(proxy.wait_for_healthy(1));
  }
  uint64_t open() const { return proxy.json("status")["connections"].get<uint64_t>(); }
  uint64_t displaced() const { return proxy.json("status")["connections_displaced"].get<uint64_t>(); }

  DemoApp app;
  Proxy proxy;
};

TEST_CASE(
    "idle connections may be as many as max_connections, and the longest idle ones make room for new "
    "clients") {
  Full at;
  auto clients = connect_many(at.proxy.port(), 20);
  for (size_t i = 0; i < clients.size(); ++i) {
    if (i == 5) CHECK(at.displaced() == 0);  // Takes so long that the first ones rest longer by any clock.
    CHECK(clients[i].get("/hello").ok());
  }
  CHECK(at.open() == 20);
  CHECK(at.displaced() == 0);
  std::vector<RawClient> newcomers;
  for (int i = 0; i < 5; ++i) {
    newcomers.emplace_back(at.proxy.port());
    CHECK(newcomers.back().get("/hello").ok());
  }
  CHECK(eventually([&] { return at.open() == 20; }));
  CHECK(at.displaced() == 5);
  for (size_t i = 0; i < clients.size(); ++i) CHECK(clients[i].is_open() == (i >= 5));
  for (auto& client : newcomers) CHECK(client.get("/hello").ok());
}

TEST_CASE("at max_connections there is one warning, however many clients come, and status shows the bound") {
  Full at;
  auto clients = connect_many(at.proxy.port(), 20);
  for (auto& client : clients) CHECK(client.get("/hello").ok());
  std::vector<RawClient> newcomers;
  for (int i = 0; i < 10; ++i) {
    newcomers.emplace_back(at.proxy.port());
    CHECK(newcomers.back().get("/hello").ok());
  }
  CHECK(eventually([&] { return at.displaced() == 10 && at.open() == 20; }));
  const std::string status = at.proxy.admin("status").output;
  CHECK_MESSAGE(has(status, "\nconnections open=20 most=20 accepted=30 closed_for_new_ones=10\n"), status);
  const std::string log = at.proxy.log();
  const size_t warning = log.find("server.max_connections is reached");
  REQUIRE(warning != std::string::npos);
  CHECK(has(log.substr(warning), " max_connections=20\n"));
  CHECK(log.find("server.max_connections is reached", warning + 1) == std::string::npos);
}

TEST_CASE("connections that are asked something make no room, and a new client gets the first that is free") {
  Full at;
  auto clients = connect_many(at.proxy.port(), 20);
  for (auto& client : clients) CHECK(client.send(get_request("/slow/1500")));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 20; }));
  RawClient newcomer(at.proxy.port());
  CHECK(newcomer.get("/hello").ok());
  for (auto& client : clients) CHECK(client.receive().body == "slow\n");
  CHECK(at.displaced() == 1);
}

}  // namespace
}  // namespace sluice::e2e
