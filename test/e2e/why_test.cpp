// `why`: what happened to a request.
#include <algorithm>

#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

const char* const kTrusting = "[forwarding]\ntrusted_proxies = [\"127.0.0.1\"]\n";

std::string get_with_id(const std::string& path, const std::string& id) {
  return "GET " + path + " HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + id + "\r\n\r\n";
}

TEST_CASE("why tells of a request that went well, while it is among the last") {
  const DemoApp app;
  const Proxy proxy(kTrusting + Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(get_with_id("/hello?secret=1", "id-1"));
  REQUIRE(client.receive().ok());
  const auto request = proxy.json("why id-1")["requests"][0];
  CHECK(request["request"] == "GET /hello");
  CHECK(request["pool"] == "shop");
  CHECK(request["cause"] == "ok");
  CHECK(request["status"] == 200);
  CHECK(request["generation"] == 1);
  CHECK(request["attempts"] == 1);
  CHECK(request["attempt"][0]["backend"] == app.address());
  CHECK(request["attempt"][0]["connection"] == "new");
  CHECK(request["sent"] == 13);
  CHECK(request["response_fields"] == 3);  // Of the demo app: X-Version, Content-Type, Content-Length.
  const auto told = proxy.admin("why id-1");
  CHECK(told.exit_code == 0);
  CHECK(has(told.output, "disposition=ok cause=ok status=200 attempts=1 took_ms="));
  CHECK(has(told.output, "  attempt backend=" + app.address() + " after_ms="));
}

TEST_CASE("why tells of every attempt, and of the wait, of a request that had a hard time") {
  DemoApp dying;
  const Proxy proxy(kTrusting + Proxy::pool({&dying}, "queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  REQUIRE(client.get("/hello").ok());
  dying.kill();
  client.send(get_with_id("/hello", "hard"));
  REQUIRE(eventually([&] {
    const auto answer = proxy.json("why hard");
    return answer.contains("running") && answer["running"]["doing"] == "queued";
  }));
  dying.restart();
  REQUIRE(client.receive().ok());
  const auto request = proxy.json("why hard")["requests"][0];
  CHECK(request["cause"] == "ok");
  CHECK(request["waits"] >= 1);
  CHECK(request["held_ms"] <= request["took_ms"]);
  const auto& attempts = request["attempt"];
  REQUIRE(attempts.size() >= 2);
  CHECK(attempts[attempts.size() - 1]["cause"] == "ok");
  CHECK(std::ranges::any_of(attempts, [](const auto& each) { return each["cause"] == "connect_refused"; }));
  CHECK(has(proxy.admin("why").output, " id=hard "));  // Without an id: those to which something happened.
}

TEST_CASE("an answer of Sluice's own carries the id that why knows") {
  DemoApp app;
  app.kill();
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"100ms\" }\n"));
  RawClient client(proxy.port());
  const auto response = client.get("/hello");
  REQUIRE(response.status == 503);
  const auto begin = response.head.find("X-Request-Id: ") + 14;
  const std::string id = response.head.substr(begin, response.head.find("\r\n", begin) - begin);
  const auto request = proxy.json("why " + id)["requests"][0];
  CHECK(request["cause"] == "queue_timeout");
  CHECK(request["disposition"] == "unavailable");
  CHECK(request["waits"] == 1);
  CHECK(request["attempts"] == 0);
}

TEST_CASE("why says so when it does not know, and what it keeps") {
  const DemoApp app;
  const Proxy proxy(
      std::string(kTrusting) + "[recent_requests]\nnotable = 1\nothers = 2\n" + Proxy::pool({&app}), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (const char* id : {"a", "b", "c"}) {
    client.send(get_with_id("/hello", id));
    REQUIRE(client.receive().ok());
  }
  CHECK(proxy.admin("why c").exit_code == 0);
  const auto forgotten = proxy.admin("why a");
  CHECK(forgotten.exit_code == 8);
  CHECK(has(forgotten.output,
            "no such request among those that are kept: each worker keeps the last 1 that failed"));
}

TEST_CASE("under load, retries and all, why answers and the worker never stumbles over it [tsan]") {
  DemoApp one;
  DemoApp two;
  const Proxy proxy(Proxy::pool({&one, &two}));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 8, get_request("/hello"));
  for (int i = 0; i < 3; ++i) {
    two.kill();
    for (int j = 0; j < 10; ++j) REQUIRE(proxy.admin("why").exit_code == 0);
    two.restart();
  }
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  const auto notable = proxy.json("why");
  for (const auto& each : notable["requests"]) {
    CHECK((each["attempts"] > 1 || each["waits"] > 0 || each["took_ms"] >= 1000 ||
           each["disposition"] != "ok"));
  }
}

TEST_CASE("who waits is counted, who failed comes first with the cause, and attempts agree everywhere") {
  DemoApp app;
  const TempDir directory;
  const std::string pool =
      "[pool.shop]\nbackends = [\"" + app.address() +
      "\"]\nhealth = { path = \"/status/404\", interval = \"100ms\" }\nqueue = { timeout = \"3s\" }\n";
  Proxy proxy(kTrusting + pool);
  proxy.set_in_server_table("access_log",
                            "{ path = \"" + directory.path("access") + "\", format = \"json\" }");
  proxy.write_config(kTrusting + pool);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  RawClient client(proxy.port());
  client.send(get_with_id("/hello", "lost"));
  CHECK(eventually([&] { return proxy.json("pool show shop")["waiting"] == 1; }));
  CHECK(proxy.json("pool list")["pools"][0]["waiting"] == 1);
  CHECK(proxy.json("status")["pools"][0]["oldest_waits_ms"].get<int>() >= 0);
  CHECK(has(proxy.admin("status").output, " waiting=1/1024 oldest="));
  CHECK(client.receive().status == 503);
  CHECK(proxy.json("pool show shop")["waiting"] == 0);
  const auto why = proxy.json("why lost");
  CHECK(why["pool_now"]["backends"][0]["cause"] == "GET /status/404: 404, expected 200");
  CHECK(proxy.json("backend list")["backends"][0]["cause"] == "GET /status/404: 404, expected 200");
  const std::string shown = proxy.admin("pool show shop").output;
  CHECK_MESSAGE(has(shown, "probe = GET /status/404 every 100ms"), shown);
  CHECK_MESSAGE(has(shown, "cause=\"GET /status/404: 404, expected 200\""), shown);
  CHECK(eventually([&] {
    return has(read_file(directory.path("access")),
               R"("probe":")" + app.address() + R"(: GET /status/404: 404, expected 200"})");
  }));

  app.set_ping("ok");
  proxy.write_config(kTrusting + Proxy::pool({&app}));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(proxy.wait_for_healthy(1));
  const auto ids = [&](const std::string& options) {
    std::string all;
    const auto answer = proxy.json("why " + options);
    for (const auto& each : answer["requests"]) all += each["id"].get<std::string>() + " ";
    return all;
  };
  CHECK(ids("--failed") == "lost ");
  CHECK(ids("--failed --pool shop --limit 1 --since 1h") == "lost ");
  CHECK(ids("--failed --pool other").empty());
  CHECK(proxy.admin("why --limit none").exit_code == 2);
  CHECK(has(proxy.admin("counters").output, "failed pool=shop cause=queue_timeout count=1"));
  const std::string request = "HEAD /nothing HTTP/9.9\r\nHost: h\r\n\r\n";
  client.connect(proxy.port());
  client.send(request);
  CHECK(client.receive(true).status == 505);
  CHECK(has(proxy.admin("counters").output, "failed cause=bad_version count=1"));
  CHECK(eventually([&] { return has(read_file(directory.path("access")), "\"request_id\":\"lost\""); }));
  const std::string log = read_file(directory.path("access"));
  CHECK(has(log, "\"attempts\":0"));
  CHECK(has(log, "\"held_ms\":3"));
}

TEST_CASE("of a request that was retried the access log, why, status and counters tell the same") {
  RecordingOrigin closing;
  closing.answer("/hello", {.then = Answer::Then::close});
  const DemoApp app;
  DemoApp dead;
  dead.kill();
  const TempDir directory;
  const std::string log = directory.path("access");
  const Proxy proxy("[server.access_log]\npath = \"" + log + "\"\nformat = \"json\"\n\n" + kTrusting +
                        "[pool.shop]\nhealth = false\nbackends = [\"" + dead.address() + "\", \"" +
                        closing.address() + "\", \"" + app.address() + "\"]\n",
                    1);
  RawClient client(proxy.port());
  client.send(get_with_id("/hello", "often"));
  REQUIRE(client.receive().ok());
  const auto why = proxy.json("why often")["requests"][0];
  CHECK(why["attempts"] == 3);
  REQUIRE(why["attempt"].size() == 3);
  CHECK(why["attempt"][0]["cause"] == "connect_refused");
  CHECK(why["attempt"][1]["cause"] == "backend_closed");
  CHECK(why["attempt"][2]["cause"] == "ok");
  CHECK(has(proxy.admin("why often").output, " status=200 attempts=3 "));
  CHECK(proxy.json("status")["retries"] == 2);
  CHECK(proxy.json("pool show shop")["retried"] == 2);
  const std::string counters = proxy.admin("counters").output;
  CHECK(has(counters, " cause=connect_refused count=1"));
  CHECK(has(counters, " cause=backend_closed count=1"));
  REQUIRE(eventually([&] { return has(read_file(log), "\"request_id\":\"often\""); }));
  CHECK(has(read_file(log), "\"attempts\":3"));
  CHECK(closing.requests().size() == 1);
}

}  // namespace
}  // namespace sluice::e2e
