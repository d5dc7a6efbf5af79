// Generations that drain: what holds them is named, none outlives its bound, and what they have outlives
// them.
#include <atomic>
#include <thread>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

json::Value generations(const Proxy& proxy) {
  return proxy.json("generation list")["generations"];
}

/// A reload that leaves old generations this much time.
void reload_with_bound(Proxy& proxy, const std::string& toml, const std::string& drain_timeout) {
  proxy.set_in_server_table("drain_timeout", "\"" + drain_timeout + "\"");
  proxy.write_config(toml);
  REQUIRE(proxy.admin("reload").exit_code == 0);
}

TEST_CASE("generation list names what holds a generation") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  origin.answer("/silent?secret", {.bytes = ""});
  origin.answer("/stuck", {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"});
  RawClient silent(proxy.port());
  silent.send(get_request("/silent?secret"));
  REQUIRE(eventually([&] { return generations(proxy)[0]["in_flight"] == 1; }));
  PlainSocket stuck(proxy.port());
  stuck.send(get_request("/stuck"));
  REQUIRE(eventually([&] { return generations(proxy)[0]["in_flight"] == 2; }));
  REQUIRE(proxy.admin("reload").exit_code == 0);

  const auto listed = generations(proxy);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0]["state"] == "draining");
  CHECK(listed[0]["cause"] == "start");
  REQUIRE(listed[0]["held_by"].size() == 2);
  const auto& oldest = listed[0]["held_by"][0];
  CHECK(oldest["client"] == "127.0.0.1");
  CHECK(oldest["pool"] == "shop");
  CHECK(oldest["backend"] == origin.address());
  CHECK(oldest["doing"] == "waiting");
  CHECK(oldest["request"] == "GET /silent");
  CHECK(listed[0]["held_by"][1]["doing"] == "response");
  const std::string text = proxy.admin("generation list").output;
  CHECK_MESSAGE(
      has(text, "  held_by client=127.0.0.1 pool=shop backend=" + origin.address() + " doing=waiting"), text);
}

TEST_CASE("a request that waits, for an answer or for a backend, outlives its generation") {
  DemoApp app;
  const DemoApp away;
  const std::string pools =
      Proxy::pool({&app}) + "[pool.away]\nbackends = [\"" + away.address() +
      "\"]\nhealth = { interval = \"50ms\", timeout = \"1s\" }\nqueue = { timeout = "
      "\"20s\" }\n[[route]]\npath = \"/away\"\nstrip_path = true\npool = \"away\"\n[[route]]\npool = "
      "\"shop\"\n";
  Proxy proxy(pools);
  REQUIRE(proxy.wait_for_healthy(2));
  REQUIRE(proxy.admin("backend drain away " + away.address()).exit_code == 0);
  reload_with_bound(proxy, pools, "200ms");
  RawClient slow(proxy.port());
  slow.send(get_request("/slow/3000"));
  RawClient queued(proxy.port());
  queued.send(get_request("/away/hello"));
  REQUIRE(eventually([&] { return generations(proxy).back()["in_flight"] == 2; }));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(eventually([&] { return generations(proxy).size() == 1; }, 2s));
  CHECK(generations(proxy)[0]["from_earlier"] == 2);
  REQUIRE(proxy.admin("backend ready away " + away.address()).exit_code == 0);
  CHECK(queued.receive().status == 200);
  CHECK(slow.receive().ok());
  CHECK(slow.get("/hello").ok());
}

TEST_CASE("what moves outlives its generation: a response, an upload, a tunnel") {
  const DemoApp app;
  const UpgradingOrigin echo;
  const std::string toml =
      "[[route]]\npath = \"/tunnel\"\npool = \"echo\"\n[[route]]\npool = \"shop\"\n"
      "response_fields = { set = { X-From = \"the first\" } }\n" +
      Proxy::pool({&app}) + "[pool.echo]\nbackends = [\"" + echo.address() +
      "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n";
  Proxy proxy(toml);
  REQUIRE(proxy.wait_for_healthy(2));
  Tunnel tunnel(proxy.port());
  RawClient download(proxy.port());
  download.send(get_request("/stream/60/50"));
  RawClient upload(proxy.port());
  upload.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n");
  REQUIRE(eventually([&] { return generations(proxy)[0]["in_flight"] == 3; }));
  reload_with_bound(proxy, "[[route]]\npool = \"shop\"\n" + Proxy::pool({&app}), "300ms");
  int sent = 0;
  const auto trickle = [&] { return sent < 5000 && upload.send("u") && ++sent > 0; };
  REQUIRE(eventually([&] { return trickle() && generations(proxy).size() == 1; }, 3s));
  const auto only = generations(proxy)[0];
  CHECK(only["number"] == 2);
  CHECK(only["in_flight"] == 3);
  CHECK(only["from_earlier"] == 3);
  CHECK(only["tunnels"] == 1);
  REQUIRE(proxy.admin("reload").exit_code == 0);  // And once more.
  REQUIRE(eventually([&] { return trickle() && generations(proxy).size() == 1; }, 3s));
  CHECK(tunnel.echoes());
  while (sent < 5000) trickle();
  const Response echoed = upload.receive();
  CHECK(echoed.body == std::string(5000, 'u'));
  CHECK(has(echoed.head, "X-From: the first"));  // By the route that it began with.
  const Response whole = download.receive();
  CHECK(whole.ok());
  CHECK(whole.body.size() > 60);
  CHECK(eventually([&] { return generations(proxy)[0]["in_flight"] == 1; }));
}

TEST_CASE("10,000 reloads, with a load and a tunnel over all of them: memory and descriptors stay") {
  const UpgradingOrigin origin;
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  Tunnel tunnel(proxy.port());
  LoopingClient gets(proxy.port(), 2, get_request("/hello"));
  const auto reload = [&](int times) {
    std::vector<std::thread> scripts;
    std::atomic<int> refused{0};
    for (int script = 0; script < 4; ++script) {
      scripts.emplace_back([&] {
        AdminSession session(proxy.socket_path());
        for (int i = 0; i < times / 4; ++i) refused += session.ask("reload").starts_with("ok ") ? 0 : 1;
      });
    }
    for (auto& script : scripts) script.join();
    CHECK(refused == 0);
  };
  reload(1000);
  const size_t memory = proxy.process().resident_bytes();
  const size_t descriptors = proxy.process().descriptors();
  reload(9000);
  CHECK(proxy.json("status")["generation"] == 10001);
  CHECK(proxy.process().resident_bytes() < memory + (size_t{2} << 20));
  CHECK(proxy.process().descriptors() < descriptors + 10);
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(gets.told_to_close() == 0);
  CHECK(tunnel.echoes());
  CHECK(generations(proxy).size() <= 2);  // The tunnel's first one drains for drain_timeout.
}

}  // namespace
}  // namespace sluice::e2e
