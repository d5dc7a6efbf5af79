// `events`: what has happened, and what happens; and `log level`.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <sstream>

#include "admin_session.h"
#include "fixtures.h"
#include "successors.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

json::Value events(const Proxy& proxy, const std::string& options = "") {
  return proxy.json("events " + options)["events"];
}

/// The first one with this fact, in this order; null when there is none.
json::Value find(const json::Value& events, const std::string& what) {
  for (const auto& event : events) {
    if (event["event"] == what) return event;
  }
  return {};
}

/// `sluice events --follow` as a process of its own.
class Follower {
 public:
  explicit Follower(const Proxy& proxy, const std::string& option = "--follow")
      : process_({sluice_binary(), "-s", proxy.socket_path(), "events", "--follow", option},
                 directory_.path("output")) {}

  bool sees(const std::string& text) const {
    return eventually([&] { return process_.output().find(text) != std::string::npos; });
  }
  /// Of the events in text, as they came.
  std::vector<int> numbers() const {
    std::vector<int> all;
    std::istringstream lines(process_.output());
    for (std::string line; std::getline(lines, line);) all.push_back(std::atoi(line.c_str()));
    return all;
  }
  Child& process() { return process_; }

 private:
  TempDir directory_;
  Child process_;
};

TEST_CASE(
    "every transition of a backend is an event with its cause, and `--since` tells what is new [tsan]") {
  DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto before = proxy.json("events");
  const auto healthy = find(before["events"], "backend healthy");
  REQUIRE(!healthy.is_null());
  CHECK(healthy["fields"]["backend"] == app.address());
  CHECK(healthy["fields"]["was"] == "starting");
  app.set_ping("draining");
  REQUIRE(eventually([&] { return proxy.state_of(app) == "draining"; }));
  app.kill();
  REQUIRE(eventually([&] { return proxy.state_of(app) == "down"; }));
  const auto after = events(proxy, "--since " + before["newest"].dump());
  CHECK(find(after, "backend healthy").is_null());
  CHECK(find(after, "backend draining")["fields"]["cause"] == "GET /ping: 503");
  const auto down = find(after, "backend down");
  CHECK(down["level"] == "warning");
  CHECK(down["fields"]["failures"] == 3);
  CHECK(down["number"] > before["newest"]);
  CHECK(proxy.admin("events").output.find(" warning backend down pool=shop backend=") != std::string::npos);
  CHECK(proxy.admin("events --since x").exit_code == 2);
  CHECK(events(proxy, "--since 1000000").size() >= after.size());
}

TEST_CASE(
    "a drain by an admin is an event of the backend, and so is its end, with probes and without [tsan]") {
  const DemoApp app;
  const DemoApp other;
  for (const std::string health : {"{ interval = \"50ms\" }", "false"}) {
    const Proxy proxy("[pool.shop]\nbackends = [\"" + app.address() + "\", \"" + other.address() +
                      "\"]\nhealth = " + health + "\n");
    REQUIRE(proxy.wait_for_healthy(2));
    const auto before = proxy.json("events")["newest"].dump();
    REQUIRE(proxy.admin("backend drain shop " + app.address()).exit_code == 0);
    const auto draining = find(events(proxy, "--since " + before), "backend draining");
    REQUIRE(!draining.is_null());
    CHECK(draining["fields"]["backend"] == app.address());
    CHECK(draining["fields"]["cause"] == "drained, by an admin");
    REQUIRE(proxy.admin("backend ready shop " + app.address() + " --wait 10s").exit_code == 0);
    const auto healthy = find(events(proxy, "--since " + before), "backend healthy");
    REQUIRE(!healthy.is_null());
    CHECK(healthy["fields"]["backend"] == app.address());
  }
}

TEST_CASE("who follows is told as it happens, in text and in JSON, whichever process is the one [tsan]") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  Follower in_text(proxy, "--since=0");
  Follower in_json(proxy, "--json");
  REQUIRE(in_text.sees("backend healthy"));
  REQUIRE(proxy.admin("backend weight shop " + app.address() + " 7").exit_code == 0);
  CHECK(in_text.sees("generation published number=2 cause=admin"));
  // The follower in JSON has asked for nothing from before it came, so it may have come too late for that
  // one.
  REQUIRE(eventually([&] {
    REQUIRE(proxy.admin("reload").exit_code == 0);
    return in_json.process().output().find("\"event\":\"generation published\"") != std::string::npos;
  }));
  CHECK(in_json.process().output().find("backend healthy") == std::string::npos);
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(in_text.sees("cause=takeover"));
  CHECK(in_json.sees("\"cause\":\"takeover\""));
  CHECK(in_text.process().is_running());
  const auto numbers = in_text.numbers();
  CHECK(std::ranges::adjacent_find(numbers, std::ranges::greater_equal()) == numbers.end());  // None twice.
}

TEST_CASE("history goes on over an upgrade, with larger numbers") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const auto newest = proxy.json("events")["newest"].get<uint64_t>();
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(!find(events(proxy), "backend healthy").is_null());
  const auto later = events(proxy, "--since " + std::to_string(newest));
  CHECK(find(later, "generation published")["fields"]["cause"] == "takeover");
  CHECK(find(later, "backend healthy").is_null());
}

TEST_CASE("followers that read nothing cost no memory, and leave room for others") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  std::vector<std::unique_ptr<AdminSession>> followers;
  for (int i = 0; i < 16; ++i) {
    followers.push_back(std::make_unique<AdminSession>(proxy.socket_path()));
    REQUIRE(followers.back()->send("events --follow"));
  }
  REQUIRE(eventually([&] { return proxy.admin("events --follow").exit_code == 1; }));
  const size_t before = proxy.process().resident_bytes();
  AdminSession admin(proxy.socket_path());
  for (int i = 1; i <= 5000; ++i) {
    const std::string weight = std::to_string(1 + i % 2);
    REQUIRE(admin.ask("backend weight shop " + app.address() + " " + weight).starts_with("ok"));
  }
  CHECK(proxy.process().resident_bytes() < before + (size_t{16} << 20));
  followers.clear();
  Follower late(proxy, "--since=0");
  CHECK(late.sees("generation published"));
}

TEST_CASE("the log's level changes by command, until a reload changes the log's settings") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  CHECK(proxy.json("log level")["level"] == "info");
  const auto wrong = proxy.admin("log level loud");
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.output.find("expected debug, info, warning or error, got \"loud\"") != std::string::npos);
  REQUIRE(proxy.admin("log level error").exit_code == 0);
  CHECK(eventually(
      [&] { return proxy.log().find("log level changed was=info level=error") != std::string::npos; }));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(proxy.json("log level")["level"] == "error");
  CHECK(find(events(proxy), "generation published")["fields"]["number"] == 1);
  proxy.set_in_server_table("log", "{ level = \"debug\" }");
  proxy.write_config(Proxy::pool({&app}));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  CHECK(proxy.json("log level")["level"] == "debug");
  const auto is_logged = [&](const std::string& text) { return proxy.log().find(text) != std::string::npos; };
  CHECK(eventually([&] { return is_logged("generation published number=3"); }));
  CHECK(!is_logged("generation published number=2"));
}

}  // namespace
}  // namespace sluice::e2e
