// Backends that come back get requests bit by bit, and a pool whose backends are all down may try them.
#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool_of(const std::vector<const DemoApp*>& apps, const std::string& health,
                    const std::string& more) {
  std::string list;
  for (const DemoApp* app : apps) list += "\"" + app->address() + "\", ";
  return "[pool.shop]\nbackends = [" + list + "]\nhealth = { interval = \"50ms\", " + health + " }\n" + more;
}

int requests(const Proxy& proxy, size_t backend) {
  return proxy.json("backend list")["backends"][backend]["requests"].get<int>();
}

bool becomes_down(const Proxy& proxy, size_t backend) {
  return eventually([&] { return proxy.json("backend list")["backends"][backend]["state"] == "down"; });
}

TEST_CASE("a backend that was down and is healthy again gets a small part at first, over an upgrade, too") {
  const DemoApp steady;
  DemoApp returning;
  Proxy proxy(pool_of({&steady, &returning}, "fall = 1", "slow_start = \"10m\"\n"), 1);
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 100; ++i) REQUIRE(client.get("/hello").ok());
  CHECK(requests(proxy, 1) == 50);  // They began together.
  returning.kill();
  REQUIRE(becomes_down(proxy, 1));
  returning.restart();
  REQUIRE(proxy.wait_for_healthy(2));
  for (const bool is_upgraded : {false, true}) {
    CAPTURE(is_upgraded);
    if (is_upgraded) REQUIRE(proxy.admin("upgrade").exit_code == 0);
    const auto left = proxy.json("backend list")["backends"][1]["warming_ms"].get<int>();
    CHECK(left > 0);
    CHECK(left <= 600'000);
    const int before = requests(proxy, 1);
    for (int i = 0; i < 330; ++i) REQUIRE(client.get("/hello").ok());
    const int share = requests(proxy, 1) - before;
    CHECK(share >= 25);  // A tenth of its weight, and a little more by now.
    CHECK(share <= 60);
  }
}

TEST_CASE("backends that are all down are tried where the pool says so, and else waited for") {
  const DemoApp app;
  const std::string no_probe_passes = "path = \"/nowhere\", fall = 1";
  const Proxy trying(pool_of({&app}, no_probe_passes, "when_all_down = \"try\"\n"));
  REQUIRE(becomes_down(trying, 0));
  RawClient client(trying.port());
  for (int i = 0; i < 20; ++i) CHECK(client.get("/hello").ok());

  const Proxy waiting(pool_of({&app}, no_probe_passes, "queue = { timeout = \"100ms\" }\n"));
  REQUIRE(becomes_down(waiting, 0));
  RawClient other(waiting.port());
  CHECK(other.get("/hello").status == 503);
}

}  // namespace
}  // namespace sluice::e2e
