// pool pause: requests are held while the only instance of a service is restarted, and none fails.
#include <sys/socket.h>

#include <csignal>
#include <future>

#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Requests that are inside the proxy, waiting ones included.
int inside(const Proxy& proxy) {
  int sum = 0;
  const auto list = proxy.json("generation list");
  for (const auto& generation : list["generations"]) sum += generation["in_flight"].get<int>();
  return sum;
}

bool reaches(const Proxy& proxy, int requests) {
  return eventually([&] { return inside(proxy) == requests; });
}

void pause(const Proxy& proxy, const std::string& more = "") {
  const auto paused = proxy.admin("pool pause shop" + more);
  REQUIRE_MESSAGE(paused.exit_code == 0, paused.output);
}

void resume(const Proxy& proxy) {
  REQUIRE(proxy.admin("pool resume shop").exit_code == 0);
}

TEST_CASE("the only instance is restarted again and again under ab and POST, and nothing fails [tsan]") {
  DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  LoopingClient posts(proxy.port(), 4, post_request("/echo", "once"));
  const std::string requests = under_sanitizer() ? "4000" : "20000";
  auto plain = std::async([&] { return run_ab("-c 50 -n " + requests, proxy.url("/hello")); });
  auto kept = std::async([&] { return run_ab("-k -c 50 -n " + requests, proxy.url("/hello")); });
  const auto is_over = [](auto& load) { return load.wait_for(0s) == std::future_status::ready; };
  int restarts = 0;
  for (; restarts < 4 || !is_over(plain) || !is_over(kept); ++restarts) {
    pause(proxy, " --wait 20s");
    CHECK(proxy.json("backend list")["backends"][0]["in_flight"] == 0);
    app.kill();
    app.restart();
    resume(proxy);
    const uint64_t served = posts.ok();
    REQUIRE(eventually([&] { return posts.ok() > served + 100; }));
  }
  posts.stop();
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  for (auto* load : {&plain, &kept}) {
    const AbResult result = load->get();
    CHECK(result.complete == std::stoull(requests));
    CHECK(result.failed == 0);
    CHECK(result.not_2xx == 0);
  }
}

TEST_CASE("what is held goes on in the order it came, and a client that leaves frees its place") {
  const DemoApp app({.log = true});
  const Proxy proxy("[pool.shop]\nbackends = [{ address = \"" + app.address() +
                        "\", max_requests = 1 }]\nqueue = { max = 3, timeout = \"20s\" }\n",
                    1);
  REQUIRE(proxy.wait_for_healthy(1));
  pause(proxy);
  std::vector<RawClient> clients;
  const auto ask = [&](const std::string& path, int then_inside) {
    clients.emplace_back(proxy.port());
    REQUIRE(clients.back().send(get_request(path)));
    REQUIRE(reaches(proxy, then_inside));
  };
  ask("/hello?first", 1);
  ask("/hello?second", 2);
  ask("/hello?third", 3);
  RawClient too_many(proxy.port());
  CHECK(too_many.get("/hello").status == 503);
  clients[1] = RawClient(proxy.port());
  REQUIRE(reaches(proxy, 2));
  ask("/hello?fourth", 3);
  const size_t log_before = app.log_bytes();
  resume(proxy);
  for (const size_t i : {0u, 2u, 3u}) CHECK(clients[i].receive().status == 200);
  std::string order;
  for (const auto& line : app.log(log_before)) {
    const auto query = line.find("/hello?");
    if (query != std::string::npos) order += line.substr(query + 7) + " ";
  }
  CHECK(order == "first third fourth ");
}

/// Breaks off with a reset rather than an end.
void reset(const PlainSocket& client) {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

TEST_CASE(
    "whatever a client has sent of its body, when it leaves its place is free and nobody does its request") {
  const DemoApp app({.log = true});
  const Proxy proxy(Proxy::pool({&app}, "queue = { max = 1, timeout = \"60s\" }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  pause(proxy);
  const auto post = [](size_t length, size_t sent) {
    return "POST /echo?left HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" +
           std::string(sent, 'x');
  };
  const std::string chunks =
      "POST /echo?left HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  for (const auto& request :
       {post(4, 0), post(4, 4), post(10, 5), chunks, chunks + "0\r\n\r\n", post(60'000, 60'000),
        post(200'000, 60'000), get_request("/echo?left") + get_request("/echo?left")}) {
    for (const bool resets : {false, true}) {
      PlainSocket client(proxy.port());
      REQUIRE(client.send(request));
      REQUIRE(reaches(proxy, 1));
      if (resets) reset(client);
      client.close();
      CHECK_MESSAGE(reaches(proxy, 0), request.substr(0, 100));
    }
  }
  RawClient stays(proxy.port());
  REQUIRE(stays.send(post_request("/echo", std::string(60'000, 'y'))));
  REQUIRE(reaches(proxy, 1));
  resume(proxy);
  CHECK(stays.receive().body == std::string(60'000, 'y'));
  for (const auto& line : app.log()) CHECK(line.find("?left") == std::string::npos);
  CHECK(proxy.json("status")["requests"]["client_abort"] == 16);
}

TEST_CASE("a request that is held for too long gets 503 with Retry-After") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"200ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  pause(proxy);
  RawClient client(proxy.port());
  const auto response = client.get("/hello");
  CHECK(response.status == 503);
  CHECK(response.head.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(response.body.find("paused") != std::string::npos);
  resume(proxy);
  CHECK(client.get("/hello").status == 200);
}

TEST_CASE("a pause for a time holds beyond the queue's own, ends by itself, and is told of") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "queue = { timeout = \"200ms\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  pause(proxy, " --for 1s");
  CHECK(proxy.admin("pool list").output.find(" paused for=") != std::string::npos);
  const auto left = proxy.json("pool show shop")["paused"]["left_ms"].get<int>();
  CHECK(left > 0);
  CHECK(left <= 1000);
  RawClient client(proxy.port());
  CHECK(client.get("/hello").status == 200);
  CHECK(proxy.json("pool show shop")["paused"].is_null());
  const std::string log = proxy.log();
  CHECK(log.find("pool paused pool=shop cause=admin for_ms=1000") != std::string::npos);
  CHECK(log.find("pool resumed pool=shop cause=pause_over") != std::string::npos);
}

TEST_CASE("pause --wait names what is in flight when that does not end in time; the pause stays") {
  const DemoApp app;
  const DemoApp other;
  const Proxy proxy(Proxy::pool({&app, &other}), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient slow(proxy.port());
  REQUIRE(slow.send(get_request("/slow/5000")));
  RawClient slow_too(proxy.port());
  REQUIRE(slow_too.send(get_request("/slow/5000")));
  REQUIRE(reaches(proxy, 2));
  const auto late = proxy.admin("pool pause shop --wait 100ms");
  CHECK(late.exit_code == 4);
  const auto says = [&](const std::string& what) { return late.output.find(what) != std::string::npos; };
  CHECK_MESSAGE(says("the pool is paused, but 2 requests are still in flight"), late.output);
  for (const DemoApp* each : {&app, &other}) {
    CHECK_MESSAGE(says("  held_by client=127.0.0.1 pool=shop backend=" + each->address() + " doing=waiting"),
                  late.output);
  }
  CHECK(proxy.json("pool pause shop --wait 1ms")["held_by"].size() == 2);
  pause(proxy, " --wait 20s");
  CHECK(slow.receive().status == 200);
  CHECK(slow_too.receive().status == 200);
  CHECK(proxy.json("pool show shop")["paused"].is_object());
  CHECK(proxy.admin("pool pause shpo").exit_code == 8);
}

TEST_CASE("pause --wait counts and names a request once that two backends are asked for") {
  const DemoApp app({.delay = "60s"});
  const DemoApp other({.delay = "60s"});
  const Proxy proxy(Proxy::pool({&app, &other}, "retry = { hedge = \"20ms\" }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  REQUIRE(client.send(get_request("/hello")));
  REQUIRE(
      eventually([&] { return backend(proxy, 0)["in_flight"] == 1 && backend(proxy, 1)["in_flight"] == 1; }));
  const auto late = proxy.json("pool pause shop --wait 1ms");
  CHECK(late["requests"] == 1);
  CHECK(late["held_by"].size() == 1);
}

TEST_CASE("a pause outlives a reload, and no upgrade, stop or restart leaves it behind") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}), Proxy::StateFile::kept);
  REQUIRE(proxy.wait_for_healthy(1));
  const auto is_paused = [&] { return proxy.json("pool show shop")["paused"].is_object(); };
  pause(proxy);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(is_paused());
  const auto upgrade = proxy.admin("upgrade");
  CHECK(upgrade.exit_code == 5);
  CHECK(upgrade.output.find("pool \"shop\" is paused") != std::string::npos);
  RawClient held(proxy.port());
  REQUIRE(held.send(get_request("/hello")));
  REQUIRE(reaches(proxy, 1));
  SUBCASE("a stop gives the backends what is held") {
    proxy.process().send_signal(SIGTERM);
    CHECK(held.receive().status == 200);
    CHECK(proxy.process().wait() == 0);
  }
  SUBCASE("a restart ends it") {
    proxy.kill();
    proxy.restart();
    CHECK_FALSE(is_paused());
  }
  SUBCASE("so does reload --reset") {
    REQUIRE(proxy.admin("reload --reset").exit_code == 0);
    CHECK(held.receive().status == 200);
  }
}

}  // namespace
}  // namespace sluice::e2e
