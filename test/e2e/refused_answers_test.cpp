// What a backend may answer, what becomes of answers that are refused, and which connections answer again.
#include <chrono>

#include "echo_origin.h"
#include "fixtures.h"
#include "raw_client.h"
#include "recording_origin.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

std::string answer_with(size_t fields, size_t value_bytes) {
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
  for (size_t i = 0; i < fields; ++i) answer += "Set-Cookie: " + std::string(value_bytes, 'v') + "\r\n";
  return answer + "\r\nok";
}

TEST_CASE(
    "an answer of many fields, or of large ones, goes on; what is beyond the limits is not asked for again") {
  RecordingOrigin origin;
  origin.answer("/many", {.bytes = answer_with(900, 20)});
  origin.answer("/large", {.bytes = answer_with(15, 4000)});
  origin.answer("/beyond", {.bytes = answer_with(1200, 20)});
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  CHECK(client.get("/many").body == "ok");
  CHECK(client.get("/large").body == "ok");
  origin.forget();
  const Response refused = client.get("/beyond");
  CHECK(refused.status == 502);
  CHECK(origin.requests().size() == 1);
  proxy.write_config(origin.pool() + "[limits]\nresponse_headers = 2000\n");
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(client.get("/beyond").body == "ok");
}

TEST_CASE(
    "a malformed answer goes to another backend, or to the client as 502 that says in `why` what was wrong") {
  RecordingOrigin bad;
  bad.answer("/x", {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi"});
  SUBCASE("of one backend") {
    Proxy proxy(bad.pool());
    REQUIRE(proxy.wait_for_healthy(1));
    RawClient client(proxy.port());
    CHECK(client.get("/x").status == 502);
    CHECK(bad.requests().size() == 1);
    const json::Value why = proxy.json("why");
    CHECK(why["requests"][0]["refused"].get<std::string>().find("Content-Length") != std::string::npos);
  }
  SUBCASE("of two") {
    RecordingOrigin good;
    Proxy proxy("[pool.shop]\nbackends = [\"" + bad.address() + "\", \"" + good.address() + "\"]\n");
    REQUIRE(proxy.wait_for_healthy(2));
    RawClient client(proxy.port());
    for (int i = 0; i < 6; ++i) CHECK(client.get("/x").body == RecordingOrigin::body_for("/x"));
  }
}

TEST_CASE("a request is tried retry.attempts times in all, that over a connection that was there included") {
  RecordingOrigin origin;
  origin.answer("/closes", {.then = Answer::Then::close});
  const Proxy proxy(origin.pool("retry = { attempts = 3 }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  REQUIRE(client.get("/x").ok());
  REQUIRE(eventually([&] { return origin.connections() == 1; }));
  origin.forget();
  CHECK(client.get("/closes").status == 502);
  CHECK(origin.requests().size() == 3);
  CHECK(origin.bytes().find("GET /x") == std::string::npos);
}

TEST_CASE(
    "the last attempt that a request has goes over no connection that its backend may be about to close") {
  RecordingOrigin one;
  RecordingOrigin two;
  for (RecordingOrigin* each : {&one, &two}) each->answer("/x", {.bytes = "HTTP/1.1 OK\r\n\r\n"});
  const Proxy proxy("[pool.shop]\nbackends = [\"" + one.address() + "\", \"" + two.address() +
                        "\"]\nhealth = { interval = \"100ms\" }\n" +
                        "retry = { attempts = 2, trust_idle = \"0s\" }\n",
                    1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 4; ++i) CHECK(client.get("/warm").ok());
  const auto idle_since = std::chrono::steady_clock::now();
  REQUIRE(eventually([&] { return std::chrono::steady_clock::now() - idle_since > 20ms; }));
  CHECK(client.get("/x").status == 502);
  const auto attempts = proxy.json("why")["requests"][0]["attempt"];
  REQUIRE(attempts.size() == 2);
  CHECK(attempts[0]["connection"] == "reused");
  CHECK(attempts[1]["connection"] == "new");
}

TEST_CASE("of a backend that closes after each answer without a word no POST is lost") {
  RecordingOrigin origin;
  const std::string done = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
  origin.answer("/p", {.bytes = done, .then = Answer::Then::close});
  Proxy proxy(origin.pool());
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (int i = 0; i < 300; ++i) REQUIRE(client.post("/p", "!").status == 200);
  // It keeps connections from now on, which is found out.
  CHECK(eventually([&] {
    CHECK(client.post("/keeps", "!").ok());
    origin.forget();
    const size_t before = origin.connections();
    for (int i = 0; i < 3; ++i) CHECK(client.post("/keeps", "!").ok());
    return origin.connections() == before;
  }));
}

TEST_CASE("POSTs to a new backend leave no more idle connections than there were requests at once") {
  RecordingOrigin origin;
  const Proxy proxy(origin.pool(), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  const auto post = [&] {
    for (int i = 0; i < 30; ++i) REQUIRE(client.post("/x", "once").ok());
    CHECK(eventually([&] { return origin.connections() < 5; }));
  };
  post();
  REQUIRE(client.get("/x").ok());  // Over one that was there: they are known to be kept, and used again.
  post();
}

TEST_CASE("keep_alive = false: a connection for each request, which the backend is told") {
  RecordingOrigin origin;
  Proxy proxy(origin.pool("keep_alive = false\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (int i = 0; i < 3; ++i) CHECK(client.get("/x").ok());
  for (const StrictRequest& request : origin.requests()) {
    CHECK(values_of(request.fields, "connection") == std::vector<std::string>{"close"});
  }
  CHECK(eventually([&] { return origin.connections() == 0; }));
}

TEST_CASE("a POST may ask for an upgrade, and its body goes first") {
  const EchoOrigin origin;
  const Proxy proxy(origin.pool());
  RawClient client(proxy.port());
  client.send(
      "POST /exec HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: "
      "4\r\n\r\n");
  client.send("body");
  std::string all;
  CHECK(eventually([&] {
    all += client.receive_all(50ms, 1);
    return all.ends_with("\r\n\r\nbody");
  }));
  CHECK(all.starts_with("HTTP/1.1 101 "));
  client.send("raw");
  CHECK(client.receive_all(5s, 3) == "raw");
}

}  // namespace
}  // namespace sluice::e2e
