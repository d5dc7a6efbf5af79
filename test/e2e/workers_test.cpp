// The number of workers, and where the log goes, change by reload; no client notices.
#include <algorithm>
#include <future>

#include "fixtures.h"
#include "raw_client.h"
#include "tunnels.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

void set_workers(Proxy& proxy, const std::string& toml, int workers) {
  proxy.set_in_server_table("workers", std::to_string(workers));
  proxy.write_config(toml);
  const auto done = proxy.admin("reload");
  REQUIRE_MESSAGE(done.exit_code == 0, done.output);
}

size_t threads(const Proxy& proxy) {
  const std::string status = read_file("/proc/" + std::to_string(proxy.process().pid()) + "/status");
  return std::stoul(status.substr(status.find("Threads:") + 8));
}

struct Loads {
  WrkResult wrk;
  AbResult keep_alive;
  AbResult single;
};

Loads run_loads(const Proxy& proxy) {
  return {.wrk = run_wrk("-c 64 -t 1 -d 4", proxy.url("/hello")),
          .keep_alive = run_ab("-k -c 50 -n 20000", proxy.url("/hello")),
          .single = run_ab("-c 50 -n 10000", proxy.url("/hello"))};
}

void check_loads(const Loads& loads, const Proxy& proxy) {
  INFO(loads.wrk.output);
  CHECK(loads.wrk.errors == 0);
  CHECK(loads.wrk.not_2xx == 0);
  CHECK(loads.wrk.requests > 1000);
  for (const AbResult* ab : {&loads.keep_alive, &loads.single}) {
    INFO(ab->output);
    CHECK(ab->exit_code == 0);
    CHECK(ab->failed == 0);
    CHECK(ab->not_2xx == 0);
  }
  const auto requests = proxy.json("status")["requests"];
  CHECK(requests["backend_error"] == 0);
  // wrk leaves in the middle of its last requests: those are its own aborts.
  for (const auto& [cause, count] : requests["failed"].items()) CHECK_MESSAGE(count == 0, cause);
}

TEST_CASE(
    "workers come and go by reload under wrk, ab and 500 idle connections: none fails, none is closed") {
  const DemoApp one;
  const DemoApp two;
  const UpgradingOrigin echo;
  const std::string toml =
      "[[route]]\npath = \"/tunnel\"\npool = \"echo\"\n[[route]]\npool = \"shop\"\n" +
      Proxy::pool({&one, &two}) + "[pool.echo]\nbackends = [\"" + echo.address() +
      "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n[timeouts]\nidle = \"10m\"\n";
  Proxy proxy(toml, 1);
  REQUIRE(proxy.wait_for_healthy(3));
  std::vector<RawClient> idle;
  for (int i = 0; i < 500; ++i) {
    idle.emplace_back(proxy.port());
    REQUIRE(idle.back().get("/hello").ok());
    if (i == 100) set_workers(proxy, toml, 4);
    if (i == 300) set_workers(proxy, toml, 3);
  }
  Tunnel tunnel(proxy.port());
  auto loads = std::async(std::launch::async, [&] { return run_loads(proxy); });
  int changes = 0;
  for (; loads.wait_for(0s) != std::future_status::ready; changes += 4) {
    for (const int workers : {1, 4, 2, 1}) set_workers(proxy, toml, workers);
  }
  CHECK(changes > 20);
  check_loads(loads.get(), proxy);
  size_t open = 0;
  size_t answering = 0;
  for (RawClient& client : idle) {
    open += client.is_open() ? 1 : 0;
    const Response response = client.get("/hello");
    answering += response.ok() && response.head.find("Connection: close") == std::string::npos ? 1 : 0;
  }
  CHECK(open == 500);
  CHECK(answering == 500);
  CHECK(tunnel.echoes());
  // Nothing of that is left on the workers that are too many.
  CHECK(eventually([&] { return proxy.json("status")["leaving_workers"] == 0; }));
  CHECK(eventually(
      [&] { return threads(proxy) == (under_sanitizer() ? 4 : 3); }));  // Control, the worker, the log.
}

TEST_CASE("a drain stays a barrier while workers come and go [tsan]") {
  const DemoApp steady;
  const DemoApp drained({.log = true});
  const std::string toml = Proxy::pool({&steady, &drained});
  Proxy proxy(toml, 2);
  REQUIRE(proxy.wait_for_healthy(2));
  LoopingClient gets(proxy.port(), 8, get_request("/hello"));
  const auto hellos = [&] {
    const auto lines = drained.log();
    return std::ranges::count_if(lines, [](const auto& line) { return line.ends_with("/hello"); });
  };
  for (int i = 0; i < 10; ++i) {
    set_workers(proxy, toml, 1 + i % 4);
    REQUIRE(proxy.admin("backend drain shop " + drained.address() + " --wait 10s").exit_code == 0);
    const auto at_the_answer = hellos();
    const uint64_t served = gets.ok();
    REQUIRE(eventually([&] { return gets.ok() > served + 20; }));
    CHECK(hellos() == at_the_answer);
    REQUIRE(proxy.admin("backend ready shop " + drained.address() + " --wait 10s").exit_code == 0);
    REQUIRE(eventually([&] { return hellos() > at_the_answer; }));
  }
  gets.stop();
  CHECK_MESSAGE(gets.failed() == 0, gets.first_failure());
  CHECK(gets.told_to_close() == 0);
}

TEST_CASE("what serves connections goes on when workers cannot be started, and nothing has changed") {
  const DemoApp app;
  const std::string toml = Proxy::pool({&app});
  Proxy proxy(toml, 1);
  REQUIRE(proxy.wait_for_healthy(1));
  const std::string pid = std::to_string(proxy.process().pid());
  const std::string few = std::to_string(proxy.process().descriptors() + 12);
  REQUIRE(run({"prlimit", "--pid", pid, "--nofile=" + few + ":" + few}).exit_code == 0);
  RawClient client(proxy.port());
  REQUIRE(client.get("/hello").ok());
  proxy.set_in_server_table("workers", "64");
  proxy.write_config(toml);
  const auto refused = proxy.admin("reload");
  CHECK_MESSAGE(refused.exit_code == 1, refused.output);
  CHECK_MESSAGE(refused.output.find("no descriptors are left") != std::string::npos, refused.output);
  CHECK(client.get("/hello").ok());
  const auto status = proxy.json("status");
  CHECK(status["generation"] == 1);
  CHECK(status["workers"] == 1);
}

TEST_CASE("level, format and path of the log change by reload, all or nothing") {
  const DemoApp app;
  const TempDir directory;
  Proxy proxy(Proxy::pool({&app}));
  const auto reload = [&](const std::string& log) {
    proxy.set_in_server_table("log", log);
    proxy.write_config(Proxy::pool({&app}));
    return proxy.admin("reload");
  };
  REQUIRE(reload("{ format = \"json\", path = \"" + directory.path("log") + "\" }").exit_code == 0);
  const auto in_file = [&](const std::string& text) {
    return eventually([&] { return read_file(directory.path("log")).find(text) != std::string::npos; });
  };
  CHECK(in_file("\"generation published"));
  CHECK(proxy.log().find("number=2") == std::string::npos);
  const auto refused = reload("{ path = \"/nowhere/log\" }");
  CHECK(refused.exit_code == 3);
  CHECK(refused.output.find("sluice.toml: server.log: cannot open the log /nowhere/log") !=
        std::string::npos);
  CHECK(proxy.json("status")["generation"] == 2);
  REQUIRE(reload("{ level = \"error\", path = \"" + directory.path("log") + "\" }").exit_code == 0);
  const std::string before = read_file(directory.path("log"));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(reload("{ path = \"stderr\" }").exit_code == 0);
  CHECK(eventually([&] { return proxy.log().find("number=5") != std::string::npos; }));
  CHECK(read_file(directory.path("log")) == before);
}

}  // namespace
}  // namespace sluice::e2e
