// What the running process does while the new one starts, and what is left when it dies then: nothing that
// was acknowledged is lost.
#include <csignal>
#include <optional>
#include <string>

#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"
#include "takeover_between.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// The new process has read its file by then.
constexpr auto kHasReadIt = "hello";
const std::string kMore = "[[listener]]\nname = \"more\"\nbind = \"127.0.0.2:0\"\n";

bool has_reloaded(const Proxy& proxy) {
  return eventually([&] {
    const auto reply = proxy.json("generation list");
    return reply.contains("generations") && reply["generations"].back()["cause"] == "reload";
  });
}

TEST_CASE("a reload that was done while a new process started is done there, too, listeners and all") {
  for (const bool by_signal : {true, false}) {
    CAPTURE(by_signal);
    Between at;
    const DemoApp two;
    at.start_until(From::new_one, kHasReadIt);
    at.proxy.write_config(kMore + Proxy::pool({&at.app, &two}));
    if (by_signal) {
      at.proxy.process().send_signal(SIGHUP);
    } else {
      CHECK(at.proxy.admin("reload").exit_code == 0);
    }
    REQUIRE_MESSAGE(has_reloaded(at.proxy), at.proxy.log());
    const std::string more = at.proxy.address("more");
    at.relay.let_go();
    CHECK(at.proxy.process().wait() == 0);
    CHECK(pid_of(at.proxy) == at.successor->pid());
    CHECK(at.proxy.json("backend list")["backends"].size() == 2);
    CHECK(at.proxy.address("more") == more);
    CHECK(run({"curl", "-fsS", "http://" + more + "/hello"}).exit_code == 0);
    at.end_successor();
  }
}

TEST_CASE("a file that has become invalid while a new process started leaves the old one with what it has") {
  Between at;
  const DemoApp two;
  at.start_until(From::new_one, kHasReadIt);
  at.proxy.write_config(Proxy::pool({&at.app, &two}));
  REQUIRE(at.proxy.admin("reload").exit_code == 0);
  at.proxy.write_config("nonsense = 1\n");
  at.relay.let_go();
  CHECK(at.successor->wait() == 3);
  CHECK(at.old_one_says("unknown key"));
  CHECK(pid_of(at.proxy) == at.proxy.process().pid());
  CHECK(at.proxy.json("backend list")["backends"].size() == 2);
  CHECK(at.proxy.admin("backend weight shop " + two.address() + " 3").exit_code == 0);
}

TEST_CASE(
    "an old process that is killed at any message before it has handed over leaves a new one that serves") {
  struct Change {
    From from;
    const char* message;
  };
  for (const auto& [from, message] : {Change{From::new_one, "hello"},
                                      {From::old_one, "sockets"},
                                      {From::old_one, "state"},
                                      {From::new_one, "ready"}}) {
    CAPTURE(message);
    Between at;
    REQUIRE(at.proxy.admin("backend weight shop " + at.app.address() + " 7").exit_code == 0);
    at.start_until(from, message);
    at.proxy.kill();
    at.relay.hang_up();
    REQUIRE(eventually([&] { return at.proxy.admin("status").exit_code == 0; }));
    CHECK(pid_of(at.proxy) == at.successor->pid());
    CHECK(at.proxy.json("backend list")["backends"][0]["weight"] == 7);
    CHECK(run({"curl", "-fsS", at.proxy.url("/hello")}).exit_code == 0);
    CHECK(at.proxy.json("dispositions")["balanced"] == true);
    at.end_successor();
  }
}

TEST_CASE(
    "a new process whose old one has died before it asked starts without it; of no process it waits for "
    "one") {
  Between at;
  REQUIRE(at.proxy.admin("backend weight shop " + at.app.address() + " 7").exit_code == 0);
  at.proxy.kill();
  const auto start = [&](const std::string& socket) {
    at.successor.emplace(std::vector<std::string>{sluice_binary(), "run", "-c", at.proxy.config_path(),
                                                  "--takeover=" + socket},
                         at.directory.path("successor"));
  };
  start(at.directory.path("never-there"));
  CHECK(at.successor->wait() == 69);
  start(at.proxy.socket_path());
  REQUIRE(eventually([&] { return at.proxy.admin("status").exit_code == 0; }));
  CHECK(at.proxy.json("backend list")["backends"][0]["weight"] == 7);
  at.end_successor();
}

}  // namespace
}  // namespace sluice::e2e
