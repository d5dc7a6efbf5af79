// Backends that are killed again and again, or close their connections, and clients that see nothing of it.
#include <array>
#include <cstdlib>
#include <map>
#include <thread>

#include "fixtures.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Longer with SLUICE_FAILOVER_SECONDS.
std::chrono::seconds kill_time() {
  const char* given = std::getenv("SLUICE_FAILOVER_SECONDS");
  return std::chrono::seconds(given != nullptr ? std::atoi(given) : 8);
}

/// Three instances, of which one is killed every second and started again.
struct Doomed {
  std::array<DemoApp, 3> apps{DemoApp({.log = true}), DemoApp({.log = true}), DemoApp({.log = true})};
  size_t kills = 0;

  std::string pool(const std::string& more) const {
    return Proxy::pool({&apps[0], &apps[1], &apps[2]}, more);
  }
  void kill_for(std::chrono::seconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    for (auto next = std::chrono::steady_clock::now(); next < end; next += 1s) {
      std::this_thread::sleep_until(next);
      DemoApp& victim = apps[kills++ % apps.size()];
      victim.kill();
      victim.restart();
    }
  }
  /// How often each target was begun, over all of them.
  std::map<std::string, int> deliveries() const {
    std::map<std::string, int> counts;
    for (const DemoApp& app : apps) {
      for (const std::string& line : app.log()) {
        if (line.find(" POST ") != std::string::npos) ++counts[line.substr(line.rfind(' ') + 1)];
      }
    }
    return counts;
  }
};

/// Loops of POSTs that each have a target of their own.
class CountedPosts {
 public:
  CountedPosts(int port, int loops, std::string fields) : port_(port), fields_(std::move(fields)) {
    results_.resize(static_cast<size_t>(loops));
    for (int i = 0; i < loops; ++i) threads_.emplace_back([this, i] { loop(i); });
  }
  ~CountedPosts() { stop(); }
  void stop() {
    stopping_ = true;
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  /// After stop(): the status of each; 0 when none came.
  std::map<std::string, int> statuses() const {
    std::map<std::string, int> all;
    for (const auto& each : results_) all.insert(each.begin(), each.end());
    return all;
  }

 private:
  void loop(int index) {
    RawClient client(port_);
    for (int i = 0; !stopping_; ++i) {
      const std::string target = "/slow/3?post=" + std::to_string(index) + "-" + std::to_string(i);
      const bool sent = client.send("POST " + target + " HTTP/1.1\r\nHost: h\r\n" + fields_ +
                                    "Content-Length: 4\r\n\r\nbody");
      const int status = sent ? client.receive().status : 0;
      results_[static_cast<size_t>(index)][target] = status;
      if (status == 0) client.connect(port_);
    }
  }

  int port_;
  std::string fields_;
  std::atomic<bool> stopping_{false};
  std::vector<std::map<std::string, int>> results_;
  std::vector<std::thread> threads_;
};

TEST_CASE("all backends are away for two seconds, and 50 loops of GETs wait for them") {
  DemoApp one;
  DemoApp two;
  // A process that is killed still accepts while the kernel closes its sockets: a request may meet both of
  // them in that moment more than once.
  const Proxy proxy(Proxy::pool({&one, &two}, "queue = { timeout = \"20s\" }\nretry = { attempts = 10 }\n"));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 50, get_request("/hello"));
  REQUIRE(eventually([&] { return gets.ok() > 1000; }));
  one.kill();
  two.kill();
  std::this_thread::sleep_for(2s);
  one.restart();
  two.restart();
  const uint64_t before = gets.ok();
  CHECK(eventually([&] { return gets.ok() > before + 1000; }));
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  MESSAGE("worst wait: " << gets.worst().count() << " ms");
  CHECK(gets.worst() >= 1900ms);
  CHECK(gets.worst() < (under_sanitizer() ? 10s : 4s));
}

TEST_CASE("a backend that closes idle connections after a second is hit by POSTs just then") {
  constexpr size_t kClients = 500;
  const DemoApp app({.idle = "1s"});
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  std::vector<RawClient> clients;
  for (size_t i = 0; i < kClients; ++i) clients.emplace_back(proxy.port());
  size_t failed = 0;
  const auto post_on_all = [&] {
    for (auto& client : clients) client.send(post_request("/slow/50", "body"));
    for (auto& client : clients) failed += client.receive().ok() ? 0 : 1;
  };
  for (const auto rest : {900ms, 960ms, 980ms, 1000ms, 1020ms}) {
    post_on_all();
    std::this_thread::sleep_for(rest);
  }
  post_on_all();
  CHECK(failed == 0);
}

TEST_CASE("one of three backends is killed every second, and no GET fails, whatever its size") {
  Doomed doomed;
  const Proxy proxy(doomed.pool("retry = { hold = true }\nqueue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(3));
  LoopingClient large(proxy.port(), 8, get_request("/bytes/65536"));
  LoopingClient small(proxy.port(), 8, get_request("/bytes/100"));
  doomed.kill_for(kill_time());
  large.stop();
  small.stop();
  CHECK(large.ok() > 1000);
  CHECK(small.ok() > 1000);
  CHECK_MESSAGE(large.failed() == 0, large.first_failure());
  CHECK_MESSAGE(small.failed() == 0, small.first_failure());
  MESSAGE("requests: " << large.ok() + small.ok() << ", kills: " << doomed.kills
                       << ", retries: " << proxy.json("status")["retries"].get<int>());
}

TEST_CASE(
    "POSTs while backends are killed: every failure is reported and counted, and none is delivered twice") {
  Doomed doomed;
  const Proxy proxy(doomed.pool("queue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(3));
  CountedPosts posts(proxy.port(), 16, "Idempotency-Key: 1\r\n");  // The pool does not go by it.
  doomed.kill_for(5s);
  posts.stop();
  const auto statuses = posts.statuses();
  const auto deliveries = doomed.deliveries();
  uint64_t failed = 0;
  for (const auto& [target, status] : statuses) {
    const auto found = deliveries.find(target);
    const int delivered = found == deliveries.end() ? 0 : found->second;
    CHECK_MESSAGE(delivered <= 1, target);
    CHECK_MESSAGE((status == 200 || status == 502), status);
    if (status == 200) CHECK_MESSAGE(delivered == 1, target);
    if (status != 200) ++failed;
  }
  CHECK(statuses.size() > 1000);
  CHECK(proxy.json("status")["requests"]["backend_error"] == failed);
  CHECK(proxy.json("status")["requests"]["ok"] == statuses.size() - failed);
  MESSAGE("POSTs: " << statuses.size() << ", kills: " << doomed.kills << ", failed: " << failed);
}

TEST_CASE("POSTs with an Idempotency-Key, where the pool goes by it, are tried again and none fails") {
  Doomed doomed;
  const Proxy proxy(doomed.pool("retry = { idempotency_key = true }\nqueue = { timeout = \"20s\" }\n"));
  REQUIRE(proxy.wait_for_healthy(3));
  CountedPosts posts(proxy.port(), 16, "Idempotency-Key: 1\r\n");
  doomed.kill_for(5s);
  posts.stop();
  const auto statuses = posts.statuses();
  const auto deliveries = doomed.deliveries();
  for (const auto& [target, status] : statuses) {
    CHECK_MESSAGE(status == 200, target);
    CHECK_MESSAGE(deliveries.contains(target), target);
  }
  CHECK(statuses.size() > 1000);
}

TEST_CASE("an attempt that takes too long is made at another backend") {
  const DemoApp slow({.delay = "60s"});
  const DemoApp quick;
  const Proxy proxy(Proxy::pool({&slow, &quick}, "retry = { attempt_timeout = \"100ms\" }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 4; ++i) CHECK(client.get("/hello").body == "Hello World!\n");
  CHECK(proxy.json("status")["retries"] >= 1);
}

TEST_CASE("a request that takes long is asked of a second backend, too, and the first answer counts") {
  const DemoApp slow({.delay = "60s"});
  const DemoApp quick;
  const Proxy proxy(Proxy::pool({&slow, &quick}, "retry = { hedge = \"50ms\" }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  RawClient client(proxy.port());
  for (int i = 0; i < 6; ++i) CHECK(client.get("/hello").body == "Hello World!\n");
  const auto counters = proxy.json("counters shop").dump();
  CHECK_MESSAGE(counters.find("hedged") != std::string::npos, counters);
  CHECK(proxy.json("backend list")["backends"][0]["in_flight"] == 0);  // The slow ones have ended.

  const auto retries = proxy.json("status")["retries"];
  REQUIRE(client.send(post_request("/slow/200", "a")));
  CHECK(client.receive().ok());  // Not idempotent: once is enough.
  CHECK(proxy.json("status")["retries"] == retries);
  CHECK(client.get("/slow/200").ok());
  CHECK(proxy.json("status")["retries"] > retries);
}

TEST_CASE("a hedged request goes on with its second attempt when the first one breaks") {
  DemoApp slow({.delay = "60s"});
  const DemoApp quick({.delay = "300ms"});
  const Proxy proxy(Proxy::pool({&slow, &quick}, "retry = { hedge = \"20ms\", attempts = 2 }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(2));
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(proxy.port());
  for (auto& client : clients) REQUIRE(client.send(get_request("/hello")));
  REQUIRE(eventually([&] { return proxy.json("status")["retries"] >= 2; }));
  slow.kill();
  for (auto& client : clients) CHECK(client.receive().body == "Hello World!\n");
}

TEST_CASE("retries end with their budget, and what fails then is answered at once") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "retry = { budget = 0, budget_minimum = 1 }\n"), 1);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  for (int i = 0; i < 20; ++i) CHECK(client.get("/abort").status == 502);
  CHECK(proxy.json("status")["retries"] >= 10);
  CHECK(proxy.json("status")["retries"] <= 15);
}

TEST_CASE(
    "a response that is held is tried again when it breaks in its middle, and else passed on as it is") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}, "retry = { hold = true, buffer = \"1KiB\" }\n"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  CHECK(client.get("/abort-midway").status == 502);  // After three attempts.
  CHECK(proxy.json("status")["retries"] == 2);
  CHECK(client.get("/bytes/1024").body.size() == 1024);
  CHECK(client.get("/bytes/1000000").body.size() == 1'000'000);
  CHECK(client.get("/stream/3/1").ok());
}

}  // namespace
}  // namespace sluice::e2e
