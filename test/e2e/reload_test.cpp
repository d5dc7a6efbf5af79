// Reloads under load: what nginx and HAProxy close or fail here, Sluice keeps.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Sends SIGHUP again and again, each once the one before has taken effect; counts.
class Reloader {
 public:
  explicit Reloader(Proxy& proxy) : proxy_(proxy), thread_([this] { loop(); }) {}
  ~Reloader() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int count() const { return count_; }

 private:
  void loop() {
    while (!stopping_) {
      const int before = published();
      proxy_.process().send_signal(SIGHUP);
      if (!eventually([&] { return stopping_ || published() > before; })) return;
      ++count_;
    }
  }
  int published() const { return static_cast<int>(proxy_.json("status")["generation"].get<int>()); }

  Proxy& proxy_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> count_{0};
  std::thread thread_;
};

/// What must not notice anything: clients that rest, and tunnels.
struct Bystanders {
  Bystanders(int port, int clients, int tunnel_count) {
    for (int i = 0; i < clients; ++i) {
      idle.emplace_back(port);
      REQUIRE(idle.back().get("/hello").ok());
    }
    for (int i = 0; i < tunnel_count; ++i) {
      tunnels.emplace_back(port);
      REQUIRE(tunnels.back().echoes());
    }
  }
  /// How many of them are as they were.
  size_t unharmed() {
    size_t count = 0;
    for (RawClient& client : idle) {
      if (!client.is_open()) continue;
      const Response response = client.get("/hello");
      count += response.ok() && response.head.find("Connection: close") == std::string::npos ? 1 : 0;
    }
    for (Tunnel& tunnel : tunnels) count += tunnel.echoes() ? 1 : 0;
    return count;
  }
  std::vector<RawClient> idle;
  std::vector<Tunnel> tunnels;
};

void check_none_failed(const WrkResult& wrk, const AbResult& ab, const Proxy& proxy) {
  INFO(wrk.output);
  INFO(ab.output);
  CHECK(wrk.exit_code == 0);
  CHECK(wrk.requests > 1000);
  CHECK(wrk.errors == 0);
  CHECK(wrk.not_2xx == 0);
  CHECK(ab.exit_code == 0);
  CHECK(ab.complete == 50000);
  CHECK(ab.failed == 0);
  CHECK(ab.not_2xx == 0);
  const auto requests = proxy.json("status")["requests"];
  CHECK(requests["backend_error"] == 0);
  for (const auto& [cause, count] : requests["failed"].items()) CHECK_MESSAGE(count == 0, cause);
}

TEST_CASE(
    "500 reloads over 2,000 idle connections, 50 tunnels and 100 busy ones: 0 closed, 0 failed, all flat") {
  const DescriptorLimit enough(8192);
  const DemoApp one;
  const DemoApp two;
  const UpgradingOrigin echo;
  Proxy proxy("[[route]]\npath = \"/tunnel\"\npool = \"echo\"\n[[route]]\npool = \"shop\"\n" +
              Proxy::pool({&one, &two}) + "[pool.echo]\nbackends = [\"" + echo.address() +
              "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n[timeouts]\nidle = \"10m\"\n");
  REQUIRE(proxy.wait_for_healthy(3));
  Bystanders bystanders(proxy.port(), 2000, 50);
  LoopingClient posts(proxy.port(), 4, post_request("/echo", "what is sent twice is charged twice"));
  auto wrk = std::async(std::launch::async, [&] { return run_wrk("-c 64 -t 1 -d 12", proxy.url("/hello")); });
  auto ab = std::async(std::launch::async, [&] { return run_ab("-k -c 36 -n 50000", proxy.url("/hello")); });
  Reloader reloader(proxy);
  REQUIRE(eventually([&] { return reloader.count() >= 100; }, 300s));
  const size_t memory = proxy.process().resident_bytes();
  const size_t descriptors = proxy.process().descriptors();
  const WrkResult wrk_result = wrk.get();
  CHECK(eventually([&] { return reloader.count() >= 500; }, 300s));
  CHECK(proxy.process().resident_bytes() < memory + (size_t{4} << 20));
  CHECK(proxy.process().descriptors() < descriptors + 50);
  reloader.stop();
  posts.stop();
  check_none_failed(wrk_result, ab.get(), proxy);
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(posts.told_to_close() == 0);
  CHECK(posts.ok() > 100);
  CHECK(bystanders.unharmed() == 2050);
}

TEST_CASE("a POST client that never retries sees no error through reloads [tsan]") {
  const DemoApp one;
  const DemoApp two;
  Proxy proxy(Proxy::pool({&one, &two}));
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient posts(proxy.port(), 4, post_request("/echo", "what is sent twice is charged twice"));
  Reloader reloader(proxy);
  CHECK(eventually([&] { return reloader.count() >= 30; }, 60s));
  reloader.stop();
  posts.stop();
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(posts.told_to_close() == 0);
  CHECK(posts.ok() > 100);
}

TEST_CASE(
    "a request in flight stays with its generation, and the next one of its connection is the new one's") {
  const DemoApp app;
  const auto named = [&](const std::string& name) {
    return "[[route]]\npool = \"shop\"\nresponse_fields = { set = { X-Generation = \"" + name + "\" } }\n" +
           Proxy::pool({&app});
  };
  Proxy proxy(named("first"));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  client.send(get_request("/slow/1000"));
  REQUIRE(eventually([&] { return proxy.json("generation list")["generations"][0]["in_flight"] == 1; }));
  proxy.write_config(named("second"));
  CHECK(proxy.admin("reload").exit_code == 0);
  const auto listed = proxy.json("generation list")["generations"];
  REQUIRE(listed.size() == 2);
  CHECK(listed[0]["number"] == 1);
  CHECK(listed[0]["state"] == "draining");
  CHECK(listed[0]["in_flight"] == 1);
  CHECK(listed[1]["state"] == "current");
  const Response slow = client.receive();
  CHECK(slow.body == "slow\n");
  CHECK(slow.head.find("X-Generation: first") != std::string::npos);
  CHECK(client.get("/hello").head.find("X-Generation: second") != std::string::npos);
  CHECK(eventually([&] { return proxy.json("generation list")["generations"].size() == 1; }));
}

TEST_CASE("a reload routes the next request of an open connection anew") {
  const DemoApp one({.version = "one"});
  const DemoApp two({.version = "two"});
  Proxy proxy(Proxy::pool({&one}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  CHECK(client.get("/hello").head.find("X-Version: one") != std::string::npos);
  proxy.write_config(Proxy::pool({&two}));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(client.get("/hello").head.find("X-Version: two") != std::string::npos);
}

TEST_CASE("listeners come and go by reload, and those that stay are kept") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const int port = proxy.port();
  RawClient kept(port);
  REQUIRE(kept.get("/hello").ok());

  proxy.write_config("[[listener]]\nname = \"second\"\nbind = \"127.0.0.2:0\"\n" + Proxy::pool({&app}));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  const std::string second = proxy.address("second");
  CHECK(run({"curl", "-fsS", "http://" + second + "/hello"}).output == "Hello World!\n");
  CHECK(proxy.port() == port);

  proxy.write_config(Proxy::pool({&app}));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(eventually([&] {
    return run({"curl", "-sS", "--connect-timeout", "1", "http://" + second + "/hello"}).exit_code == 7;
  }));
  CHECK(kept.is_open());
  CHECK(kept.get("/hello").ok());
}

TEST_CASE(
    "a listener that is removed and put back at once is the same socket, and takes clients throughout") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const DemoApp port_of_its_own;
  const std::string address = "127.0.0.3" + port_of_its_own.address().substr(9);
  const std::string with =
      "[[listener]]\nname = \"second\"\nbind = \"" + address + "\"\n" + Proxy::pool({&app});
  proxy.write_config(with);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  const size_t descriptors = proxy.process().descriptors();
  AdminSession session(proxy.socket_path());
  for (int i = 0; i < 20; ++i) {
    proxy.write_config(Proxy::pool({&app}));
    CHECK(session.ask("reload").starts_with("ok "));
    proxy.write_config(with);
    CHECK(session.ask("reload").starts_with("ok "));
    CHECK(run({"curl", "-fsS", "--max-time", "5", "http://" + address + "/hello"}).output ==
          "Hello World!\n");
  }
  CHECK(proxy.log().find("listening again") != std::string::npos);
  CHECK(proxy.process().descriptors() < descriptors + 10);
}

TEST_CASE("a Unix listener that goes has no file any more by the answer, and may come again at once") {
  const DemoApp app;
  const TempDir directory;
  const std::string path = directory.path("web");
  const std::string listener = "[[listener]]\nname = \"local\"\nbind = \"unix:" + path + "\"\n";
  Proxy proxy(listener + Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  for (int i = 0; i < 3; ++i) {
    CHECK(run({"curl", "-fsS", "--unix-socket", path, "http://x/hello"}).output == "Hello World!\n");
    proxy.write_config(Proxy::pool({&app}));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    CHECK_FALSE(std::filesystem::exists(path));
    proxy.write_config(listener + Proxy::pool({&app}));
    REQUIRE(proxy.admin("reload").exit_code == 0);
  }
  CHECK(run({"curl", "-fsS", "--unix-socket", path, "http://x/hello"}).output == "Hello World!\n");
}

TEST_CASE("a reload that cannot be done changes nothing and says why") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient client(proxy.port());
  REQUIRE(client.get("/hello").ok());
  proxy.write_config("[pool.shop]\nbackend = [\"x\"]\n");
  const auto refused = proxy.admin("reload");
  CHECK(refused.exit_code == 3);
  INFO(refused.output);
  CHECK(refused.output.find("sluice.toml:11:1: pool.shop.backend: unknown key, did you mean \"backends\"?") !=
        std::string::npos);
  const DemoApp taken;
  proxy.write_config("[[listener]]\nbind = \"" + taken.address() + "\"\n" + Proxy::pool({&app}));
  const auto in_use = proxy.admin("reload");
  CHECK(in_use.exit_code == 3);
  CHECK(in_use.output.find("cannot listen on " + taken.address()) != std::string::npos);
  proxy.process().send_signal(SIGHUP);
  CHECK(eventually([&] { return proxy.log().find("reload refused") != std::string::npos; }));
  CHECK(proxy.json("status")["generation"] == 1);
  CHECK(client.get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
