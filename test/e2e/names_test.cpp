// Backends given by name: their addresses change under load, the name server goes away, SRV records weigh.
#include <algorithm>
#include <map>

#include "fixtures.h"
#include "raw_client.h"
#include "resolve/name_server.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using resolve::NameServer;

std::string resolver_of(const NameServer& server) {
  return "[resolver]\nservers = [\"" + server.address() + "\"]\ntimeout = \"200ms\"\nattempts = 1\n";
}

/// [pool.shop] of these names, looked up again and again.
std::string pool_of(const NameServer& server, const std::string& names, const std::string& more = "") {
  return "[pool.shop]\nbackends = [" + names + "]\nresolve_interval = \"50ms\"\n" + more +
         "health = { interval = \"100ms\", timeout = \"1s\" }\n" + resolver_of(server);
}

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::map<std::string, json::Value> resolved(const Proxy& proxy) {
  std::map<std::string, json::Value> all;
  const auto list = proxy.json("backend list");
  for (const auto& backend : list["backends"]) all[backend["address"].get<std::string>()] = backend;
  return all;
}

bool has_only(const Proxy& proxy, const std::string& address) {
  return eventually([&] {
    const auto all = resolved(proxy);
    return all.size() == 1 && all.contains(address) && all.at(address)["state"] == "healthy";
  });
}

TEST_CASE("the addresses of a name change under load: traffic moves, and nothing fails [tsan]") {
  const DemoApp one;
  const DemoApp two({.host = "127.0.0.2", .port = one.port()});
  const std::string name = "app.internal:" + std::to_string(one.port());
  NameServer server;
  server.set("app.internal", {"127.0.0.1"});
  const Proxy proxy(pool_of(server, quoted(name)));
  REQUIRE(has_only(proxy, one.address()));
  CHECK(resolved(proxy).at(one.address())["name"] == name);
  LoopingClient gets(proxy.port(), 4, get_request("/hello"));
  LoopingClient posts(proxy.port(), 2, post_request("/echo", "once"));
  const auto more_comes = [&] {
    const uint64_t before = gets.ok();
    const uint64_t before_posts = posts.ok();
    return eventually([&] { return gets.ok() > before + 50 && posts.ok() > before_posts + 50; });
  };
  for (int round = 0; round < 3; ++round) {
    REQUIRE(more_comes());
    server.set("app.internal", {"127.0.0.1", "127.0.0.2"});
    REQUIRE(proxy.wait_for_healthy(2));
    REQUIRE(more_comes());
    server.set("app.internal", {"127.0.0.2"});
    REQUIRE(has_only(proxy, two.address()));
    REQUIRE(more_comes());
    server.set("app.internal", {"127.0.0.1"});
    REQUIRE(has_only(proxy, one.address()));
  }
  gets.stop();
  posts.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK_MESSAGE(posts.failed() == 0, posts.first_failure());
  CHECK(gets.told_to_close() + posts.told_to_close() == 0);
  CHECK(proxy.log().find("cause=resolve") != std::string::npos);
}

TEST_CASE("without a name server the last addresses stay, over reload and upgrade, and their age is shown") {
  const DemoApp app;
  const std::string name = "app.internal:" + std::to_string(app.port());
  NameServer server;
  server.set("app.internal", {"127.0.0.1"});
  const Proxy proxy(pool_of(server, quoted(name)));
  REQUIRE(has_only(proxy, app.address()));
  server.set_silent(true);
  const auto known = [&] { return proxy.json("pool show shop")["names"][0]; };
  REQUIRE(eventually([&] { return known()["cause"] == "no answer in time"; }));
  CHECK(known()["addresses"] == 1);
  CHECK(known()["age_ms"] > 0);
  CHECK(proxy.log().find("name not resolved, its last addresses stay name=" + name) != std::string::npos);
  RawClient client(proxy.port());
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(client.get("/hello").ok());
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(client.get("/hello").ok());
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  CHECK(has_only(proxy, app.address()));
}

TEST_CASE("SRV records bring ports, weights and stand-bys") {
  const DemoApp light;
  DemoApp heavy;
  const DemoApp standby;
  NameServer server;
  server.set("here.internal", {"127.0.0.1"});
  server.set_srv("_http._tcp.app.internal", {{10, 1, light.port(), "here.internal"},
                                             {10, 3, heavy.port(), "here.internal"},
                                             {20, 1, standby.port(), "here.internal"}});
  const Proxy proxy(pool_of(server, "{ address = \"srv:_http._tcp.app.internal\", version = \"v7\" }"), 1);
  REQUIRE(proxy.wait_for_healthy(3));
  RawClient client(proxy.port());
  for (int i = 0; i < 80; ++i) REQUIRE(client.get("/hello").ok());
  auto now = resolved(proxy);
  CHECK(now.at(light.address())["requests"] == 20);
  CHECK(now.at(heavy.address())["requests"] == 60);
  CHECK(now.at(standby.address())["requests"] == 0);
  CHECK(now.at(heavy.address())["version"] == "v7");
  server.set_srv("_http._tcp.app.internal", {{20, 1, standby.port(), "here.internal"}});
  REQUIRE(has_only(proxy, standby.address()));
  CHECK(client.get("/hello").ok());
}

TEST_CASE("a name that does not resolve stops nobody: the start goes on, and so do other backends") {
  const DemoApp app;
  NameServer server;
  const std::string names = quoted(app.address()) + ", \"later.internal:" + std::to_string(app.port()) + "\"";
  const Proxy proxy(pool_of(server, names));
  REQUIRE(has_only(proxy, app.address()));
  CHECK(RawClient(proxy.port()).get("/hello").ok());
  REQUIRE(eventually(
      [&] { return proxy.log().find("name not resolved, it has no backends") != std::string::npos; }));
  CHECK(proxy.admin("pool show shop").output.find("age=none") != std::string::npos);
  server.set("later.internal", {"127.0.0.3"});
  CHECK(eventually([&] { return resolved(proxy).size() == 2; }));
}

TEST_CASE("a name that moves, and one that was not there, are followed soon whatever their records say") {
  const DemoApp one;
  const DemoApp two({.host = "127.0.0.2", .port = one.port()});
  const DemoApp three({.host = "127.0.0.3", .port = one.port()});
  const std::string port = ":" + std::to_string(one.port());
  constexpr uint32_t kLong = 3600;
  NameServer server;
  server.set("moves.internal", {"127.0.0.1"}, kLong);
  const Proxy proxy(
      "[pool.shop]\nbackends = [\"moves.internal" + port + "\", \"later.internal" + port +
      "\"]\nresolve_interval = \"500ms\"\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n" +
      resolver_of(server));
  REQUIRE(has_only(proxy, one.address()));
  REQUIRE(eventually([&] { return proxy.log().find("name not resolved") != std::string::npos; }));
  server.set("moves.internal", {"127.0.0.2"}, kLong);
  server.set("later.internal", {"127.0.0.3"}, kLong);
  CHECK(eventually([&] {
    auto all = resolved(proxy);
    return all.size() == 2 && all.contains(two.address()) && all[two.address()]["state"] == "healthy" &&
           all.contains(three.address()) && all[three.address()]["state"] == "healthy";
  }));
}

TEST_CASE("requests wait for a name's first address; localhost and changes by command work as with any") {
  const DemoApp app;
  const std::string port = std::to_string(app.port());
  NameServer server;
  const Proxy proxy(pool_of(server, "\"app.internal:" + port + "\"", "queue = { timeout = \"20s\" }\n"));
  RawClient client(proxy.port());
  REQUIRE(client.send(get_request("/hello")));
  server.set("app.internal", {"127.0.0.1"});
  CHECK(client.receive().ok());
  REQUIRE(proxy.admin("backend drain shop " + app.address() + " --wait 10s").exit_code == 0);
  CHECK(resolved(proxy).at(app.address())["state"] == "draining");
  proxy.write_config(
      "[pool.shop]\nbackends = [\"localhost:" + port +
      "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n[resolver]\nfamily = \"ipv4\"\n");
  CHECK(proxy.admin("config diff").output.find("+ name shop localhost:" + port) != std::string::npos);
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(eventually([&] { return resolved(proxy).contains(app.address()); }));
  CHECK(resolved(proxy).at(app.address())["state"] == "draining");
  REQUIRE(proxy.admin("backend ready shop " + app.address() + " --wait 10s").exit_code == 0);
  CHECK(client.get("/hello").ok());
}

}  // namespace
}  // namespace sluice::e2e
