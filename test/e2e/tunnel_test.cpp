// Upgrades: a real WebSocket through the proxy, over reloads and drains; and tunnels that must not begin.
#include <csignal>

#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"
#include "websocket_script.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string pool_over(const std::string& address, const std::string& more = "") {
  return "[pool.shop]\nbackends = [\"" + address +
         "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n" + more;
}

TEST_CASE("1,000 WebSocket messages of 1 B to 1 MiB come back whole, over reloads") {
  WebSocketScript server({"serve"});
  Proxy proxy(pool_over(echo_server_address(server)));
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript client({"talk", std::to_string(proxy.port()), "1000"});
  int reloads = 0;
  while (client.process().is_running() && reloads < 200) {
    REQUIRE(proxy.admin("reload").exit_code == 0);
    ++reloads;
  }
  CHECK_MESSAGE(client.says("done", 60s), client.said());
  CHECK(client.process().wait(5s) == 0);
  CHECK(reloads > 3);
  CHECK(eventually([&] { return proxy.json("generation list")["generations"].size() == 1; }));
  CHECK(proxy.requests_ok() == 1);
}

TEST_CASE("a tunnel is in flight while it lasts, and its backend's drain closes it within the pool's bound") {
  WebSocketScript server({"serve"});
  const std::string address = echo_server_address(server);
  Proxy proxy(pool_over(address, "timeouts = { tunnel_drain = \"300ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript client({"hold", std::to_string(proxy.port())});
  REQUIRE_MESSAGE(client.says("open hello"), client.said());
  CHECK(proxy.json("backend list")["backends"][0]["in_flight"] == 1);
  CHECK(proxy.admin("backend drain shop " + address + " --wait 10s").exit_code == 0);
  CHECK_MESSAGE(client.says("closed"), client.said());
  CHECK(proxy.requests_ok() == 1);
}

TEST_CASE("a tunnel on which nothing moves ends after its timeout, and a stop ends it politely") {
  WebSocketScript server({"serve"});
  Proxy proxy(pool_over(echo_server_address(server)) + "[timeouts]\ntunnel = \"500ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript idle({"hold", std::to_string(proxy.port())});
  REQUIRE_MESSAGE(idle.says("open hello"), idle.said());
  CHECK_MESSAGE(idle.says("closed"), idle.said());
}

const std::string kUpgrade =
    "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST_CASE("a tunnel begins only at a 101 to what was asked for; anything else is the backend's failure") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string line = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n";
  for (const std::string& bad : {line + "Upgrade: h2c\r\n\r\n", line + "\r\n",
                                 std::string("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n")}) {
    CAPTURE(bad);
    origin.answer("/up", {.bytes = bad});
    RawClient client(proxy.port());
    REQUIRE(client.send(kUpgrade));
    CHECK(client.receive().status == 502);
  }
  origin.answer("/plain", {.bytes = line + "Upgrade: websocket\r\n\r\n"});
  RawClient client(proxy.port());
  CHECK(client.get("/plain").status == 502);  // Nobody had asked.
  CHECK(client.get("/next").body == RecordingOrigin::body_for("/next"));
}

TEST_CASE("what follows an upgrade that was not taken is the next request, and h2c is never asked for") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  REQUIRE(
      client.send("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                  "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n" +
                  get_request("/2")));
  CHECK(client.receive().body == RecordingOrigin::body_for("/1"));
  CHECK(client.receive().body == RecordingOrigin::body_for("/2"));
  for (const auto& request : origin.requests()) {
    CHECK(values_of(request.fields, "upgrade").empty());
    CHECK(values_of(request.fields, "http2-settings").empty());
  }
}

}  // namespace
}  // namespace sluice::e2e
