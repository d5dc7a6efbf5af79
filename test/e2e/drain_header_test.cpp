// Backends that say in a response that they drain.
#include <functional>

#include "bad_origin.h"
#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool_of(const BadOrigin& one, const BadOrigin& two, const std::string& more) {
  return "[pool.shop]\nbackends = [\"" + one.address() + "\", \"" + two.address() + "\"]\n" + more;
}

/// Until the first backend has said so.
void let_it_say(RawClient& client, const BadOrigin& one) {
  const size_t before = one.requests();
  for (int i = 0; i < 100 && one.requests() == before; ++i) {
    const auto response = client.get("/");
    REQUIRE(response.ok());
    CHECK_MESSAGE(response.head.find("X-Bye") == std::string::npos, response.head);
    CHECK(response.body == "hi\n");
  }
  CHECK(one.requests() > before);
}

TEST_CASE("a backend that says so in a response drains, whatever its probes say, until it has restarted") {
  BadOrigin one;
  const BadOrigin two;
  const Proxy proxy(
      pool_of(one, two, "health = { interval = \"20ms\", fall = 1 }\ndrain_header = \"x-bye\"\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  one.answer({.fields = "X-Bye: false\r\n"});
  let_it_say(client, one);
  CHECK(backend(proxy, 0)["state"] == "healthy");
  one.answer({.fields = "X-Bye: 1\r\n"});
  let_it_say(client, one);
  REQUIRE(becomes(proxy, 0, "draining"));
  CHECK(backend(proxy, 0)["cause"] == "a response said x-bye");
  CHECK(backend(proxy, 0)["held_draining_ms"] > 0);
  CHECK(eventually([&] { return one.connections() == 0; }));  // None is used again.

  const size_t requests = one.requests();
  const size_t pings = one.pings();
  REQUIRE(eventually([&] { return one.pings() > pings + 20; }));
  for (int i = 0; i < 20; ++i) CHECK(client.get("/").ok());
  CHECK(backend(proxy, 0)["state"] == "draining");
  CHECK(one.requests() == requests);

  one.answer({});
  one.ping(500);
  CHECK(becomes(proxy, 0, "down"));
  one.ping(200);
  CHECK(becomes(proxy, 0, "healthy"));
  let_it_say(client, one);
}

TEST_CASE("without probes its word holds for a time") {
  BadOrigin one;
  const BadOrigin two;
  const Proxy proxy(
      pool_of(one, two, "health = false\ndrain_header = { name = \"X-Bye\", hold = \"500ms\" }\n"));
  RawClient client(proxy.port());
  one.answer({.fields = "X-Bye: 1\r\n"});
  let_it_say(client, one);
  REQUIRE(becomes(proxy, 0, "draining"));
  one.answer({});
  CHECK(becomes(proxy, 0, "healthy"));
  let_it_say(client, one);
}

/// `make_ready` runs while its word holds.
void check_made_ready(const std::string& health,
                      const std::function<Finished(const Proxy&, const BadOrigin&)>& make_ready) {
  BadOrigin one;
  const BadOrigin two;
  const Proxy proxy(pool_of(one, two, health + "drain_header = { name = \"X-Bye\", hold = \"10m\" }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  one.answer({.fields = "X-Bye: 1\r\n"});
  let_it_say(client, one);
  REQUIRE(becomes(proxy, 0, "draining"));
  one.answer({});
  const auto done = make_ready(proxy, one);
  CHECK_MESSAGE(done.exit_code == 0, done.output);
  CHECK(becomes(proxy, 0, "healthy"));
  let_it_say(client, one);
}

TEST_CASE("an admin may say that it is ready all the same") {
  const auto ready = [](const Proxy& proxy, const BadOrigin& one) {
    return proxy.admin("backend ready shop " + one.address() + " --wait 10s");
  };
  check_made_ready("health = { interval = \"20ms\" }\n", ready);
  check_made_ready("health = false\n", ready);
}

TEST_CASE("an admin may say so in a transaction, too") {
  const auto commit = [](const Proxy& proxy, const BadOrigin& one) {
    return run({"bash", "-c",
                "printf 'begin\\nbackend ready shop " + one.address() + "\\ncommit\\n' | " + sluice_binary() +
                    " -s " + proxy.socket_path() + " -"});
  };
  check_made_ready("health = { interval = \"20ms\" }\n", commit);
  check_made_ready("health = false\n", commit);
}

TEST_CASE("a backend may say so as it begins a tunnel, too") {
  RecordingOrigin origin;
  origin.answer("/up",
                {.bytes = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                          "X-Bye: 1\r\nX-Other: 2\r\n\r\n"});
  const Proxy proxy("[pool.shop]\nbackends = [\"" + origin.address() +
                    "\"]\nhealth = false\ndrain_header = { name = \"X-Bye\", hold = \"10m\" }\n" +
                    "timeouts = { tunnel_drain = \"100ms\" }\n");
  RawClient client(proxy.port());
  client.send("GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const auto tunnel = client.receive_all();
  CHECK_MESSAGE(tunnel.find("X-Other: 2\r\n") != std::string::npos, tunnel);
  CHECK_MESSAGE(tunnel.find("X-Bye") == std::string::npos, tunnel);
  CHECK(becomes(proxy, 0, "draining"));
}

TEST_CASE("requests that have no other backend wait while the only one drains by its word") {
  BadOrigin one;
  const Proxy proxy("[pool.shop]\nbackends = [\"" + one.address() +
                    "\"]\nhealth = false\ndrain_header = { name = \"X-Bye\", hold = \"300ms\" }\n");
  RawClient client(proxy.port());
  one.answer({.fields = "X-Bye: 1\r\n"});
  for (int i = 0; i < 3; ++i) CHECK(client.get("/").ok());
  CHECK(proxy.json("counters shop").dump().find("held") != std::string::npos);
}

}  // namespace
}  // namespace sluice::e2e
