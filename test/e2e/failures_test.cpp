// Backends that die, hang, drain, lie and come back.
#include <thread>

#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("a backend killed under a GET load costs no request [tsan]") {
  const DemoApp one;
  const DemoApp two;
  DemoApp victim;
  const Proxy proxy(Proxy::pool({&one, &two, &victim}));
  REQUIRE(proxy.wait_for_healthy(3));
  LoopingClient gets(proxy.port(), 8, get_request("/bytes/1000"));
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = gets.ok();
    REQUIRE(eventually([&] { return gets.ok() > before + 200; }));
    victim.kill();
    CHECK(eventually([&] { return proxy.state_of(victim) == "down"; }));
    victim.restart();
    CHECK(eventually([&] { return proxy.state_of(victim) == "healthy"; }));
  }
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("ab and wrk see nothing of a killed backend") {
  const DemoApp one;
  DemoApp victim;
  const Proxy proxy(Proxy::pool({&one, &victim}));
  REQUIRE(proxy.wait_for_healthy(2));
  const std::string url = proxy.url("/hello");
  std::jthread killer([&] {
    eventually([&] { return proxy.requests_ok() > 1000; });
    victim.kill();
  });
  const auto ab = run_ab("-k -c 50 -n 60000", url);
  killer.join();
  INFO(ab.output);
  CHECK(ab.complete == 60000);
  CHECK(ab.failed == 0);
  CHECK(ab.not_2xx == 0);
}

TEST_CASE("a backend that hangs on /ping leaves the rotation, and comes back") {
  const DemoApp one;
  const DemoApp hanging;
  const Proxy proxy(
      Proxy::pool({&one, &hanging}, "health = { interval = \"100ms\", timeout = \"200ms\", rise = 2 }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  hanging.set_ping("hang");
  CHECK(eventually([&] { return proxy.state_of(hanging) == "down"; }));
  CHECK(proxy.json("backend list")["backends"][1]["cause"] == "GET /ping: timed out after 200ms");
  const uint64_t before = proxy.json("backend list")["backends"][1]["requests"].get<uint64_t>();
  RawClient client(proxy.port());
  for (int i = 0; i < 20; ++i) CHECK(client.get("/hello").ok());
  CHECK(proxy.json("backend list")["backends"][1]["requests"] == before);
  hanging.set_ping("ok");
  CHECK(eventually([&] { return proxy.state_of(hanging) == "healthy"; }));
}

TEST_CASE("a /ping of 503 means draining at once, and a later 200 healthy again") {
  const DemoApp one;
  const DemoApp draining;
  const Proxy proxy(Proxy::pool({&one, &draining}, "health = { interval = \"100ms\", fall = 1000 }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  draining.set_ping("draining");
  CHECK(eventually([&] { return proxy.state_of(draining) == "draining"; }));
  draining.set_ping("ok");
  CHECK(eventually([&] { return proxy.state_of(draining) == "healthy"; }));
}

TEST_CASE("a single instance is restarted under load and every request waits for it [tsan]") {
  DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient gets(proxy.port(), 8, get_request("/hello"));
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = gets.ok();
    REQUIRE(eventually([&] { return gets.ok() > before + 100; }));
    app.kill();
    REQUIRE(eventually([&] { return proxy.state_of(app) == "down"; }));
    app.restart();
  }
  const uint64_t before = gets.ok();
  CHECK(eventually([&] { return gets.ok() > before + 100; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("requests wait while nothing has been proven yet") {
  DemoApp app;
  app.kill();
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"20s\" }\n"));
  RawClient client(proxy.port());
  client.send(get_request("/hello"));
  app.restart();
  CHECK(client.receive().body == "Hello World!\n");
}

TEST_CASE("without any backend in time the answer is 503 with Retry-After") {
  DemoApp app;
  app.kill();
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"200ms\" }\n"));
  RawClient client(proxy.port());
  const auto response = client.get("/hello");
  CHECK(response.status == 503);
  CHECK(response.head.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(response.body.starts_with("503 Service Unavailable: "));
  CHECK(client.get("/hello").status == 503);  // The connection lives on.
  CHECK(proxy.json("status")["requests"]["failed"]["unavailable"] == 2);
}

TEST_CASE("a queue at its bound answers 503 at once") {
  DemoApp app;
  app.kill();
  const Proxy proxy(Proxy::pool({&app}, "queue = { max = 2, timeout = \"20s\" }\n"), 8);
  RawClient waiting_one(proxy.port());
  RawClient waiting_two(proxy.port());
  waiting_one.send(get_request("/hello"));
  waiting_two.send(get_request("/hello"));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 2; }));
  RawClient third(proxy.port());
  CHECK(third.get("/hello").status == 503);
  app.restart();
  CHECK(waiting_one.receive().ok());
  CHECK(waiting_two.receive().ok());
}

TEST_CASE("a backend that breaks off before its response: GET goes on to another, POST gets 502") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  CHECK(client.post("/abort", "x").status == 502);
  CHECK(proxy.json("status")["retries"] == 0);
  CHECK(client.get("/abort").status == 502);  // After three attempts.
  CHECK(proxy.json("status")["retries"] == 2);
  CHECK(client.get("/garbage").status == 502);
  CHECK(client.get("/hello").ok());
}

TEST_CASE("a response that breaks midway is never passed off as complete") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  const auto response = client.get("/abort-midway");
  CHECK(response.status == 200);
  CHECK_FALSE(response.error.empty());
  CHECK(proxy.json("status")["requests"]["backend_error"] == 1);
}

TEST_CASE("a backend that does not answer in time is 504") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "timeouts = { response = \"300ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  CHECK(client.get("/slow/5000").status == 504);
  CHECK(client.get("/hello").ok());
}

TEST_CASE("a backend that closes idle connections early is never noticed by a client") {
  const DemoApp app({.idle = "50ms"});
  const Proxy proxy(Proxy::pool({&app}, "health = { interval = \"10s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient gets(proxy.port(), 2, get_request("/slow/49"));
  CHECK(eventually([&] { return gets.ok() > 100; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
}

TEST_CASE("a client that leaves ends its request at the backend") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(get_request("/slow/60000"));
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  client.close();
  CHECK(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 0; }, 1s));
  CHECK(proxy.json("status")["requests"]["client_abort"] == 1);
}

TEST_CASE("what came as requests and what they ended in agree to the request") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto ab = run_ab("-c 10 -n 500", proxy.url("/hello"));
  CHECK(ab.complete == 500);
  RawClient bad(proxy.port());
  bad.send("GET / HTTP/1.1\r\nNo colon here\r\n\r\n");
  CHECK(bad.receive().status == 400);
  RawClient client(proxy.port());
  client.get("/abort");
  const auto requests = proxy.json("status")["requests"];
  uint64_t ended = 0;
  for (const auto* key : {"ok", "backend_error", "client_abort"}) ended += requests[key].get<uint64_t>();
  for (const auto& [cause, count] : requests["failed"].items()) ended += count.get<uint64_t>();
  CHECK(requests["accepted"] == 502);
  CHECK(ended == 502);
  CHECK(requests["ok"] == 500);
}

TEST_CASE("backends that take no connections cost a request the queue's time, not for ever") {
  Proxy proxy(
      "[pool.shop]\nbackends = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nhealth = false\n"
      "queue = { timeout = \"1s\" }\ntimeouts = { connect = \"200ms\" }\n");
  RawClient client(proxy.port());
  CHECK(client.get("/").status == 503);
  CHECK(client.get("/").status == 503);
}

TEST_CASE("a client that takes nothing of an answer is given up, though it still sends") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}) + "[timeouts]\nwrite = \"500ms\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send("POST /bytes/50000000 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
  client.send("cd");
  CHECK(eventually([&] { return proxy.json("status")["requests"]["failed"]["client_timeout"] == 1; }));
  CHECK(proxy.json("backend list")["backends"][0]["in_flight"] == 0);
}

}  // namespace
}  // namespace sluice::e2e
