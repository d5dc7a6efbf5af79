// Upgrades: a real WebSocket through the proxy, over reloads and drains; and tunnels that must not begin.
#include <sys/socket.h>

#include <csignal>

#include "echo_origin.h"
#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"
#include "recording_origin.h"
#include "takeover_peer.h"
#include "tunnels.h"
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

TEST_CASE("a drain that waits in vain says which tunnels hold it, and when they are cut") {
  WebSocketScript server({"serve"});
  const std::string address = echo_server_address(server);
  const std::string route = "[[route]]\nname = \"chat\"\npool = \"shop\"\n";
  const Proxy proxy(pool_over(address, "timeouts = { tunnel_drain = \"5s\" }\n" + route));
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript client({"hold", std::to_string(proxy.port())});
  REQUIRE_MESSAGE(client.says("open hello"), client.said());
  const std::string drain = "backend drain shop " + address + " --wait 100ms";
  const auto in_vain = proxy.admin(drain);
  CHECK(in_vain.exit_code == 4);
  const auto says = [&](const std::string& what) { return in_vain.output.find(what) != std::string::npos; };
  CHECK_MESSAGE(says("1 tunnel (cut in 5s) is still in flight"), in_vain.output);
  CHECK_MESSAGE(says("  held_by client=127.0.0.1 pool=shop backend=" + address + " doing=tunnel age="),
                in_vain.output);
  CHECK_MESSAGE(says(" route=chat request=\"GET /\""), in_vain.output);
  const auto json = proxy.json(drain);
  CHECK(json["error"] == "timed_out");
  CHECK(json["tunnels"] == 1);
  CHECK(json["requests"] == 0);
  REQUIRE(json["held_by"].size() == 1);
  const auto& held_by = json["held_by"][0];
  CHECK(held_by["client"] == "127.0.0.1");
  CHECK(held_by["route"] == "chat");
  CHECK(held_by["cut_in_ms"] == json["cut_in_ms"]);
  CHECK(held_by["cut_in_ms"].get<int>() < 5000);
  CHECK(held_by["age_ms"].get<int>() >= 100);
}

TEST_CASE("a WebSocket whose backend is ready again in time goes on beyond tunnel_drain") {
  WebSocketScript server({"serve"});
  const std::string address = echo_server_address(server);
  const Proxy proxy(pool_over(address, "timeouts = { tunnel_drain = \"500ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript client({"last", std::to_string(proxy.port()), "1.2"});
  REQUIRE_MESSAGE(client.says("open hello"), client.said());
  REQUIRE(proxy.admin("backend drain shop " + address + " --wait 50ms").exit_code == 4);
  REQUIRE(proxy.admin("backend ready shop " + address + " --wait 10s").exit_code == 0);
  CHECK_MESSAGE(client.says("lasted"), client.said());
}

TEST_CASE("of the bounds that a backend's drain and a listener's end give a tunnel the earlier one counts") {
  UpgradingOrigin origin;
  const Proxy proxy(origin.pool());
  const std::string pool = origin.pool("timeouts = { tunnel_drain = \"300ms\" }\n");
  const auto remove_listener = [&] {
    proxy.write_config(pool);
    return proxy.admin("reload").exit_code == 0;
  };
  const auto drain = [&] { return proxy.admin("backend drain shop " + origin.address()).exit_code == 0; };
  for (const bool drains_first : {true, false}) {
    CAPTURE(drains_first);
    proxy.write_config("[[listener]]\nname = \"two\"\nbind = \"0.0.0.0:0\"\n" + pool);
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(proxy.admin("backend ready shop " + origin.address() + " --wait 10s").exit_code == 0);
    const std::string two = proxy.address("two");
    Tunnel tunnel(std::stoi(two.substr(two.rfind(':') + 1)));
    REQUIRE(tunnel.echoes());
    CHECK((drains_first ? drain() && remove_listener() : remove_listener() && drain()));
    CHECK(tunnel.socket().receive_to_end(5s).end == End::closed);
  }
}

/// A second listener, which can be removed, and tunnels to one origin.
struct SecondListener {
  explicit SecondListener(const std::string& drain_timeout) : proxy(origin.pool(pool)) {
    proxy.set_in_server_table("drain_timeout", "\"" + drain_timeout + "\"");
    proxy.write_config("[[listener]]\nname = \"two\"\nbind = \"0.0.0.0:0\"\n" + origin.pool(pool));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    const std::string two = proxy.address("two");
    port = std::stoi(two.substr(two.rfind(':') + 1));
  }
  void remove() const {
    proxy.write_config(origin.pool(pool));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(eventually([&] { return proxy.log().find("listener drained") != std::string::npos; }));
    CHECK(proxy.json("generation list")["generations"].size() > 0);  // Each worker has heard of it by now.
  }
  /// The only tunnel's, as the drain of its backend says it.
  int cut_in_ms() const {
    const auto held_by = proxy.json("backend drain shop " + origin.address() + " --wait 1ms")["held_by"];
    REQUIRE(held_by.size() == 1);
    return held_by[0]["cut_in_ms"].get<int>();
  }

  const std::string pool = "timeouts = { tunnel_drain = \"0s\" }\n";
  EchoOrigin origin;
  Proxy proxy;
  int port = 0;
};

const std::string kAskForTunnel =
    "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST_CASE("an upgrade that is under way when its listener goes is a tunnel within that bound, too") {
  SecondListener at("2s");
  PlainSocket client(at.port);
  at.origin.hold(true);
  REQUIRE(client.send(kAskForTunnel));
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  at.remove();
  at.origin.hold(false);
  const auto came = client.receive_to_end(15s);
  CHECK(came.bytes.starts_with("HTTP/1.1 101 "));
  CHECK(came.end == End::closed);
}

TEST_CASE("an upgrade whose head is whole only after its listener's end is a tunnel within that bound") {
  const SecondListener at("2s");
  PlainSocket client(at.port);
  REQUIRE(client.send(kAskForTunnel.substr(0, 20)));
  REQUIRE(eventually([&] { return at.proxy.json("status")["connections"] == 1; }));
  at.remove();
  REQUIRE(client.send(kAskForTunnel.substr(20)));
  const auto came = client.receive_to_end(15s);
  CHECK(came.bytes.starts_with("HTTP/1.1 101 "));
  CHECK(came.end == End::closed);
}

TEST_CASE("the bound of a tunnel whose listener is gone counts from that, whatever comes later") {
  const SecondListener at("60s");
  const PlainSocket idle(at.proxy.port());
  Tunnel tunnel(at.port);
  REQUIRE(tunnel.echoes());
  at.remove();
  REQUIRE(eventually([&] { return at.cut_in_ms() < 42000; }));
  {
    TakeoverPeer peer(at.proxy.socket_path());  // It has no room for a connection, and dies.
    peer.say(TakeoverPeer::hello(3));
    REQUIRE(peer.hear_until("state"));
    peer.say(TakeoverPeer::ready(1, true));
    REQUIRE(peer.hear_until("connections"));
    peer.say(TakeoverPeer::no_room());
  }
  REQUIRE(eventually([&] {
    return at.proxy.log().find("this process goes on in place of the new one") != std::string::npos;
  }));
  CHECK(at.cut_in_ms() < 42000);
}

TEST_CASE("a client that waits for a 100 before its upgrade's body gets one, though the 101 has come") {
  const EchoOrigin origin;
  const Proxy proxy(origin.pool("timeouts = { continue = \"20s\" }\n"));
  RawClient client(proxy.port());
  REQUIRE(
      client.send("POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
  const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  REQUIRE(client.receive_all(10s, go_on.size()) == go_on);
  REQUIRE(client.send("hello"));
  std::string bytes;
  CHECK(eventually([&] { return (bytes += client.receive_all(10ms)).ends_with("\r\n\r\nhello"); }));
  CHECK(bytes.starts_with("HTTP/1.1 101 "));
}

TEST_CASE("a tunnel on which nothing moves ends after its timeout, and a stop ends it politely") {
  WebSocketScript server({"serve"});
  Proxy proxy(pool_over(echo_server_address(server)) + "[timeouts]\ntunnel = \"500ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript idle({"hold", std::to_string(proxy.port())});
  REQUIRE_MESSAGE(idle.says("open hello"), idle.said());
  CHECK_MESSAGE(idle.says("closed"), idle.said());
}

const std::string kAnyUpgrade =
    "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

TEST_CASE("a tunnel that one side has ended lasts as long as the other moves, and not much longer") {
  RecordingOrigin origin;
  origin.answer("/up",
                {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"});
  const Proxy proxy(origin.pool() + "[timeouts]\ntunnel_half_closed = \"300ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  PlainSocket client(proxy.port());
  REQUIRE(client.send(kAnyUpgrade));
  REQUIRE(eventually([&] { return client.receive_some(1000).bytes.find("101") != std::string::npos; }));
  ::shutdown(client.descriptor(), SHUT_WR);
  CHECK(client.receive_to_end(10s).end == End::closed);
  CHECK(eventually([&] { return proxy.json("status")["requests"]["ok"] == 1; }));
}

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
    REQUIRE(client.send(kAnyUpgrade));
    CHECK(client.receive().status == 502);
  }
  origin.answer("/plain", {.bytes = line + "Upgrade: websocket\r\n\r\n"});
  RawClient client(proxy.port());
  CHECK(client.get("/plain").status == 502);  // The client had not asked.
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
