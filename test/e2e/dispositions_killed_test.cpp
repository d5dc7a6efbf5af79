// Promise 11 when a process of a takeover is killed: what it had counts as stopped, and the sums agree.
#include <csignal>
#include <memory>
#include <thread>

#include "probation.h"
#include "raw_client.h"
#include "successors.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Of all processes; of this one, when there was no other.
json::Value sums(const Proxy& proxy) {
  const auto reply = proxy.json("dispositions");
  return reply.contains("total") ? reply["total"] : reply["process"];
}

bool agree(const json::Value& sums) {
  uint64_t ended = 0;
  for (const auto& [name, count] : sums["ended"].items()) ended += count.get<uint64_t>();
  return sums["accepted"].get<uint64_t>() == ended + sums["in_flight"].get<uint64_t>();
}

/// With nothing that is still to be counted.
bool balances(const Proxy& proxy) {
  return eventually([&] {
    const auto reply = proxy.admin("dispositions");
    return reply.exit_code == 0 && reply.output.find("\ntotal: ") == std::string::npos &&
           proxy.json("dispositions")["balanced"] == true && agree(sums(proxy));
  });
}

TEST_CASE("requests and tunnels that go with an old process that is killed count as stopped") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  std::vector<RawClient> slow(3);
  for (auto& client : slow) {
    REQUIRE(client.connect(proxy.port()));
    REQUIRE(client.send(get_request("/slow/60000")));
  }
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 3; }));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  proxy.kill();
  CHECK(balances(proxy));
  CHECK(sums(proxy)["ended"]["stopped"] == 3);
  CHECK(sums(proxy)["accepted"] == 4);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);  // And so the next process has it.
  CHECK(balances(proxy));
  CHECK(sums(proxy)["ended"]["stopped"] == 3);
}

TEST_CASE("a tunnel that had moved to a new process which is killed on probation counts as stopped") {
  const UpgradingOrigin echo;
  const OnProbation at("\"1m\"", tunnels_to(echo));
  auto tunnel = std::make_unique<Tunnel>(at.port);
  REQUIRE(tunnel->echoes());
  const pid_t next = at.upgrade();
  REQUIRE(eventually([&] { return at.proxy.json("dispositions")["process"]["in_flight"] == 1; }));
  REQUIRE(tunnel->echoes());
  ::kill(next, SIGKILL);
  CHECK(at.is_back());
  CHECK(balances(at.proxy));
  CHECK(sums(at.proxy)["accepted"] == 1);
  CHECK(sums(at.proxy)["ended"]["stopped"] == 1);
}

TEST_CASE("whichever process of an upgrade on probation is killed, and whenever, the sums agree after it") {
  for (const bool old_one : {true, false}) {
    for (const int wait_ms : {0, 15, 30, 45, 60, 80, 120, 250, 500}) {
      CAPTURE(old_one);
      CAPTURE(wait_ms);
      const UpgradingOrigin echo;
      // The first requests that the new process gets are those of clients that come anew, which are the
      // clients whose requests fail: that is no reason to hand back here.
      OnProbation at("{ time = \"1m\", percent = 100 }", tunnels_to(echo));
      Tunnel tunnel(at.port);
      REQUIRE(tunnel.echoes());
      RawClient slow(at.port);
      REQUIRE(slow.send(get_request("/slow/60000")));
      std::vector<std::unique_ptr<LoopingClient>> load;
      for (const char* path : {"/hello", "/bytes/100000", "/abort"}) {
        load.push_back(std::make_unique<LoopingClient>(at.port, 2, get_request(path)));
      }
      std::jthread upgrade([&] { at.proxy.admin("upgrade"); });
      REQUIRE(eventually([&] { return at.log_has("upgrade started"); }));
      std::this_thread::sleep_for(milliseconds(wait_ms));  // The moment of the crash.
      if (old_one) {
        at.proxy.kill();
      } else {
        for (const pid_t each : at.successors.living()) {
          if (each != at.old_one()) ::kill(each, SIGKILL);
        }
      }
      upgrade.join();
      REQUIRE_MESSAGE(eventually([&] { return at.proxy.admin("status").exit_code == 0; }), at.proxy.log());
      for (const auto& client : load) client->stop();
      CHECK_MESSAGE(balances(at.proxy), at.proxy.admin("dispositions").output);
      CHECK(at.proxy.admin("backend weight shop " + at.app.address() + " 2").exit_code == 0);
    }
  }
}

}  // namespace
}  // namespace sluice::e2e
