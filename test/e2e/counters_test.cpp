// What did not go smoothly, counted by pool, version and cause.
#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

uint64_t count_of(const Proxy& proxy, const std::string& event, const std::string& version,
                  const std::string& cause) {
  const auto answer = proxy.json("counters shop");
  for (const auto& each : answer["counters"]) {
    if (each["event"] == event && each["version"] == version && each["cause"] == cause) {
      return each["count"].get<uint64_t>();
    }
  }
  return 0;
}

uint64_t sum_of(const Proxy& proxy, const std::string& event) {
  uint64_t sum = 0;
  const auto answer = proxy.json("counters");
  for (const auto& each : answer["counters"]) {
    if (each["event"] == event) sum += each["count"].get<uint64_t>();
  }
  return sum;
}

std::string versioned_pool(const std::string& one, const std::string& two,
                           const std::string& health = "{ interval = \"100ms\" }") {
  return "[pool.shop]\nbackends = [{ address = \"" + one + "\", version = \"v1\" }, { address = \"" + two +
         "\", version = \"v2\" }]\nhealth = " + health + "\n";
}

TEST_CASE("retried and cut requests are counted by the version that failed them, and why") {
  const DemoApp fine;
  RecordingOrigin broken;
  broken.answer("/hello", {.then = Answer::Then::close});
  broken.answer("/bytes/100000",
                {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(1000, 'x'),
                 .then = Answer::Then::close});
  const Proxy proxy(versioned_pool(fine.address(), broken.address()), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 20; ++i) REQUIRE(client.get("/hello").ok());
  const uint64_t retried = count_of(proxy, "retried", "v2", "backend_closed");
  CHECK(retried > 0);
  CHECK(count_of(proxy, "retried", "v1", "backend_closed") == 0);
  uint64_t cut = 0;
  for (int i = 0; i < 10; ++i) {
    RawClient again(proxy.port());
    cut += again.get("/bytes/100000").ok() ? 0 : 1;
  }
  CHECK(cut > 0);
  CHECK(count_of(proxy, "cut", "v2", "backend_incomplete") == cut);
  const auto status = proxy.json("status");
  CHECK(status["retried"] == status["retries"]);
  CHECK(status["retried"] == sum_of(proxy, "retried"));
  CHECK(status["cut"] == cut);
  CHECK(proxy.json("pool show shop")["cut"] == cut);
  CHECK(proxy.admin("counters nobody").exit_code == 8);
}

TEST_CASE("held requests are counted by how their wait ended, and by the version that ended it") {
  DemoApp app;
  app.kill();
  const Proxy proxy(
      "[pool.shop]\nbackends = [{ address = \"" + app.address() +
      "\", version = \"v7\" }]\nhealth = { interval = \"100ms\" }\nqueue = { timeout = \"1s\" }\n");
  RawClient first(proxy.port());
  CHECK(first.get("/hello").status == 503);
  CHECK(count_of(proxy, "held", "", "queue_timeout") == 1);
  RawClient leaving(proxy.port());
  leaving.send(get_request("/hello"));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 2; }));
  leaving.close();
  CHECK(eventually([&] { return count_of(proxy, "held", "", "client_gone") == 1; }));
  RawClient waiting(proxy.port());
  waiting.send(get_request("/hello"));
  app.restart();
  CHECK(waiting.receive().ok());
  CHECK(count_of(proxy, "held", "v7", "ok") == 1);
  CHECK(proxy.json("status")["held"] == 3);
}

TEST_CASE("what was counted survives a takeover") {
  const DemoApp fine;
  DemoApp dead;
  dead.kill();
  const Proxy proxy(versioned_pool(fine.address(), dead.address(), "false"), 1);
  RawClient client(proxy.port());
  for (int i = 0; i < 4; ++i) REQUIRE(client.get("/hello").ok());
  const uint64_t retried = sum_of(proxy, "retried");
  REQUIRE(retried > 0);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(eventually([&] { return sum_of(proxy, "retried") >= retried; }));
  CHECK(count_of(proxy, "retried", "v2", "connect_refused") >= retried);
}

}  // namespace
}  // namespace sluice::e2e
