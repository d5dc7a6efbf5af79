// Promise 11: every accepted request ends in exactly one disposition, whatever happens meanwhile.
#include <csignal>
#include <memory>

#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

uint64_t sum_of_ended(const json::Value& account) {
  uint64_t sum = 0;
  for (const auto& [name, count] : account["ended"].items()) sum += count.get<uint64_t>();
  return sum;
}

/// The line that each process leaves behind.
bool all_accounted_for(const Proxy& proxy, size_t processes) {
  const std::string log = proxy.log();
  size_t balanced = 0;
  for (size_t at = log.find(" balanced=yes"); at != std::string::npos;
       at = log.find(" balanced=yes", at + 1)) {
    ++balanced;
  }
  return balanced == processes && !has(log, "balanced=no");
}

/// All kinds of requests at once, those that fail included.
class MixedLoad {
 public:
  explicit MixedLoad(int port) {
    for (const char* path : {"/hello", "/bytes/100000", "/abort", "/abort-midway", "/nowhere"}) {
      clients_.push_back(std::make_unique<LoopingClient>(port, 2, get_request(path)));
    }
    clients_.push_back(
        std::make_unique<LoopingClient>(port, 2, post_request("/echo", std::string(5000, 'x'))));
    clients_.push_back(std::make_unique<LoopingClient>(port, 1, "GET / HTTP/1.1\r\n\r\n"));
  }
  void stop() {
    for (const auto& client : clients_) client->stop();
  }
  uint64_t ended() const {
    uint64_t sum = 0;
    for (const auto& client : clients_) sum += client->ok() + client->failed();
    return sum;
  }

 private:
  std::vector<std::unique_ptr<LoopingClient>> clients_;
};

TEST_CASE("the ledger balances at every moment: kills, reloads, drains, changes of workers [tsan]") {
  DemoApp one;
  DemoApp two;
  Proxy proxy(Proxy::pool({&one, &two}, "queue = { timeout = \"500ms\" }\nretry = { attempts = 2 }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  MixedLoad load(proxy.port());
  const auto balanced = [&] { return proxy.json("dispositions")["balanced"] == true; };
  for (int i = 0; i < 4; ++i) {
    const uint64_t before = load.ended();
    REQUIRE(eventually([&] { return load.ended() > before + 100; }));
    CHECK(balanced());
    two.kill();
    CHECK(balanced());
    if (i == 2) proxy.set_in_server_table("workers", "1");
    if (i == 2) proxy.write_config(Proxy::pool({&one, &two}, "queue = { timeout = \"500ms\" }\n"));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    CHECK(balanced());
    two.restart();
    REQUIRE(proxy.admin("backend drain shop " + one.address()).exit_code == 0);
    CHECK(balanced());
    REQUIRE(proxy.admin("backend ready shop " + one.address() + " --wait 10s").exit_code == 0);
  }
  load.stop();
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 0; }));
  const auto process = proxy.json("dispositions")["process"];
  CHECK(process["accepted"] == sum_of_ended(process));
  CHECK(process["ended"]["ok"] > 0);
  CHECK(process["ended"]["backend_error"] > 0);
  CHECK(process["ended"]["bad_request"] > 0);
  CHECK(proxy.json("dispositions")["balanced"] == true);
  proxy.process().send_signal(SIGTERM);
  REQUIRE(proxy.process().wait(20s) == 0);
  CHECK(all_accounted_for(proxy, 1));
}

TEST_CASE("what is still in flight when the process stops has its disposition, too") {
  const DemoApp app(DemoApp::Options{.delay = "60s"});
  Proxy proxy(Proxy::pool({&app}), 2);
  REQUIRE(proxy.wait_for_healthy(1));
  std::vector<RawClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(proxy.port());
    clients.back().send(get_request("/hello"));
  }
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 10; }));
  CHECK(proxy.json("dispositions")["balanced"] == true);
  proxy.process().send_signal(SIGTERM);
  REQUIRE(eventually([&] { return has(proxy.log(), "stopping"); }));
  proxy.process().send_signal(SIGTERM);  // Now.
  CHECK(proxy.process().wait(10s) == 0);
  CHECK(has(proxy.log(), "requests accounted accepted=10 stopped=10 balanced=yes"));
}

TEST_CASE("over takeovers under load, tunnels and all, nothing is counted twice and nothing is lost") {
  const DemoApp app;
  const UpgradingOrigin echo;
  Proxy proxy(
      "[[route]]\npool = \"shop\"\n[[route]]\npath = \"/tunnel\"\npool = \"echo\"\n[pool.echo]\nhealth = "
      "false\nbackends = [\"" +
      echo.address() + "\"]\n" + Proxy::pool({&app}));
  Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(2));
  auto tunnel = std::make_unique<Tunnel>(proxy.port());
  REQUIRE(tunnel->echoes());
  MixedLoad load(proxy.port());
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = load.ended();
    REQUIRE(eventually([&] { return load.ended() > before + 50; }));
    REQUIRE(proxy.admin("upgrade").exit_code == 0);
    CHECK(eventually([&] { return proxy.json("dispositions").contains("total"); }, 20s));
    CHECK(proxy.json("dispositions")["workers"][0]["balanced"] == true);
  }
  load.stop();
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 1; }));
  CHECK(tunnel->echoes());
  tunnel.reset();
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 0; }));
  const auto total = proxy.json("dispositions")["total"];
  CHECK(total["balanced"] == true);
  CHECK(total["accepted"] == sum_of_ended(total));
  CHECK(total["accepted"] >= load.ended());
  CHECK(eventually([&] { return all_accounted_for(proxy, 3); }));
}

}  // namespace
}  // namespace sluice::e2e
