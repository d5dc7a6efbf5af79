// What comes to the admin socket while one process takes over from another.
#include <optional>
#include <regex>

#include "admin_session.h"
#include "raw_client.h"
#include "successors.h"
#include "takeover_between.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

int weight_of(const Proxy& proxy) {
  return proxy.json("backend list")["backends"][0]["weight"].get<int>();
}

/// `sluice -` with these commands on its standard input.
std::vector<std::string> script_command(const Proxy& proxy, const std::string& lines) {
  return {"sh", "-c", "printf '" + lines + "' | " + sluice_binary() + " -s " + proxy.socket_path() + " -"};
}

/// A proxy that is taken over from again and again.
struct Upgraded {
  explicit Upgraded(milliseconds rest) {
    REQUIRE(proxy.wait_for_healthy(1));
    upgrader.emplace(proxy, 10, rest);
  }
  bool goes_on() const { return upgrader->count() < 10 && upgrader->failure().empty(); }
  void check() {
    upgrader->wait();
    CHECK_MESSAGE(upgrader->failure().empty(), upgrader->failure());
  }

  DemoApp app;
  Proxy proxy{Proxy::pool({&app}), Proxy::StateFile::kept};
  Successors successors{proxy};
  std::optional<Upgrader> upgrader;
};

TEST_CASE("a client that waits in the old process hears that the change was made, and how to go on") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient slow(proxy.port());
  slow.send(get_request("/slow/1000"));
  REQUIRE(eventually([&] { return proxy.json("generation list")["generations"][0]["in_flight"] == 1; }));
  AdminSession waiting(proxy.socket_path());
  waiting.send("backend drain shop " + app.address() + " --wait 30s");
  REQUIRE(eventually([&] { return proxy.state_of(app) == "draining"; }));
  const auto made = std::to_string(proxy.json("status")["generation"].get<int>());
  AdminSession idle(proxy.socket_path());
  CHECK(idle.ask("status").starts_with("ok"));
  AdminSession silent(proxy.socket_path());
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(waiting.hear() ==
        "error moved: generation " + made +
            " was made, and another process has taken over: to go on waiting ask that one, with the same "
            "command, the time that is left in --wait, and --made " +
            made);
  CHECK(proxy.state_of(app) == "draining");
  for (AdminSession* session : {&idle, &silent}) {
    CHECK(session->ask("backend ready shop " + app.address()).starts_with("error moved: another process"));
  }
  CHECK(proxy.state_of(app) == "draining");
}

/// A proxy with a request in flight, so long, and a command that waits for its end.
struct Waiting {
  explicit Waiting(const std::string& time) {
    REQUIRE(proxy.wait_for_healthy(1));
    REQUIRE(slow.connect(proxy.port()));
    REQUIRE(slow.send(get_request("/slow/" + time)));
    REQUIRE(eventually([&] { return proxy.json("generation list")["generations"][0]["in_flight"] == 1; }));
  }
  void start(const std::string& verb, const std::string& options) {
    asked_at = std::chrono::steady_clock::now();
    const std::string line = "backend " + verb + " shop " + app.address() + " " + options;
    command.emplace(script_command(proxy, line + "\\nstatus\\n"), directory.path("output"));
  }
  milliseconds waited() const {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - asked_at);
  }

  DemoApp app;
  Proxy proxy{Proxy::pool({&app}), Proxy::StateFile::kept};
  Successors successors{proxy};
  TempDir directory;
  RawClient slow;
  std::optional<Child> command;
  std::chrono::steady_clock::time_point asked_at;
};

TEST_CASE("a command that waits goes on waiting in the new process, and in the one after it, and ends well") {
  for (const std::string verb : {"drain", "remove"}) {
    CAPTURE(verb);
    Waiting at("2000");
    at.start(verb,
             "--wait 30s --if-revision " + std::to_string(at.proxy.json("status")["generation"].get<int>()));
    const auto backends = [&] { return at.proxy.json("backend list")["backends"]; };
    REQUIRE(eventually([&] { return at.proxy.state_of(at.app) != "healthy"; }));
    const auto before = backends();
    for (int i = 0; i < 2; ++i) REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
    CHECK(at.slow.receive().body == "slow\n");
    CHECK_MESSAGE(at.command->wait() == 0, at.command->output());
    CHECK(at.waited() >= 1s);
    CHECK(at.command->output().find("ok generation=") != std::string::npos);
    CHECK(at.command->output().find("\nsluice ") != std::string::npos);  // The script went on.
    CHECK(backends().size() == before.size());
  }
}

TEST_CASE("the time of a command that waits goes on over an upgrade") {
  Waiting at("30000");
  at.start("drain", "--wait 2s --json");
  REQUIRE(eventually([&] { return at.proxy.state_of(at.app) == "draining"; }));
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  CHECK(at.command->wait() == 4);
  CHECK(at.waited() >= 2s);
  CHECK(at.waited() < 15s);
  CHECK(at.command->output().find("a process from before the last upgrade still drains") !=
        std::string::npos);
}

TEST_CASE("a backend that is to become healthy is waited for over an upgrade") {
  Waiting at("1000");
  const DemoApp two;
  two.set_ping("fail");
  Child add({sluice_binary(), "-s", at.proxy.socket_path(), "backend", "add", "shop", two.address(), "--wait",
             "30s"},
            at.directory.path("add"));
  REQUIRE(eventually([&] { return at.proxy.state_of(two) != "gone"; }));
  REQUIRE(at.proxy.admin("upgrade").exit_code == 0);
  CHECK(add.is_running());
  two.set_ping("ok");
  CHECK_MESSAGE(add.wait() == 0, add.output());
  CHECK(at.proxy.state_of(two) == "healthy");
}

TEST_CASE("to go on waiting changes nothing: what another command has undone meanwhile stays so") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  const auto ask = [&](const std::string& verb, const std::string& options) {
    return proxy.admin("backend " + verb + " shop " + app.address() + " --wait 5s " + options);
  };
  const int before = proxy.json("status")["generation"].get<int>();
  CHECK(ask("drain", "--made 1").exit_code == 5);
  CHECK(ask("remove", "--made 1").exit_code == 5);
  CHECK(ask("ready", "--made 1").output == "ok generation=1\n");
  CHECK(ask("add", "--made nothing").exit_code == 2);
  CHECK(proxy.admin("backend drain shop " + app.address() + " --made 1").exit_code == 2);
  CHECK(proxy.json("status")["generation"] == before);
  CHECK(proxy.state_of(app) == "healthy");
  CHECK(ask("drain", "").exit_code == 0);
  CHECK(ask("drain", "--made 2").output == "ok generation=2\n");
  CHECK(ask("ready", "--made 1").exit_code == 5);
}

TEST_CASE("every change that is made while processes take over is answered as it went") {
  Upgraded at(50ms);
  int made = 0;
  for (int i = 0; at.goes_on(); ++i) {
    const int weight = 2 + i % 900;
    AdminSession session(at.proxy.socket_path());
    const auto answer = session.ask("backend weight shop " + at.app.address() + " " + std::to_string(weight));
    if (answer.starts_with("ok")) {
      ++made;
    } else {
      CHECK_MESSAGE(answer.starts_with("error moved: "), answer);
    }
    CHECK((weight_of(at.proxy) == weight) == answer.starts_with("ok"));
  }
  at.check();
  CHECK(made > 10);
}

TEST_CASE("commands and scripts that come into takeovers are done by one of the processes, and none fails") {
  Upgraded at(20ms);
  for (int i = 0; at.goes_on(); ++i) {
    const std::string change = "backend weight shop " + at.app.address() + " ";
    const int weight = 2 + i % 900;
    const auto one = at.proxy.admin(change + std::to_string(weight));
    CHECK_MESSAGE(one.exit_code == 0, one.output);
    CHECK(weight_of(at.proxy) == weight);
    const auto script =
        run(script_command(at.proxy, "begin\\n" + change + "1\\n" + change + std::to_string(weight + 1) +
                                         "\\ncommit\\nstatus\\n"));
    CHECK_MESSAGE(script.exit_code == 0, script.output);
    CHECK_MESSAGE(
        std::regex_search(
            script.output,
            std::regex("^ok generation=\\d+\nok pending=1\nok pending=2\nok generation=\\d+\nsluice ")),
        script.output);
    CHECK(weight_of(at.proxy) == weight + 1);
  }
  at.check();
}

TEST_CASE("a change waits for the end of a takeover, and is done by the process that goes on") {
  for (const bool succeeds : {true, false}) {
    CAPTURE(succeeds);
    Between at;
    const TempDir directory;
    at.start_until(From::new_one, "ready");
    const std::string change = "backend weight shop " + at.app.address() + " ";
    CHECK(AdminSession(at.proxy.socket_path()).ask(change + "3") ==
          "error moved: a new process is taking over: ask again in a moment");
    CHECK(at.proxy.admin("status").exit_code == 0);
    Child change_7(
        {sluice_binary(), "-s", at.proxy.socket_path(), "backend", "weight", "shop", at.app.address(), "7"},
        directory.path("output"));
    CHECK(weight_of(at.proxy) == 1);
    if (succeeds) {
      at.relay.let_go();
      CHECK(at.proxy.process().wait() == 0);
    } else {
      at.lose_successor();
    }
    CHECK(change_7.wait() == 0);
    CHECK(weight_of(at.proxy) == 7);
    CHECK((pid_of(at.proxy) == at.proxy.process().pid()) == !succeeds);
    at.end_successor();
  }
}

TEST_CASE(
    "a script is one, however its lines are written: a draft that comes into a takeover is made whole") {
  Between at;
  const TempDir directory;
  const int before = at.proxy.json("status")["generation"].get<int>();
  at.start_until(From::new_one, "ready");
  const std::string change = "backend weight shop " + at.app.address() + " ";
  const std::string lines =
      "\\r\\nbegin --json\\r\\n" + change + "5\\r\\n" + change + "6\\r\\n--json commit\\r\\n";
  Child script(script_command(at.proxy, lines), directory.path("output"));
  REQUIRE(eventually([&] { return script.output().find("pending=2") != std::string::npos; }));
  at.relay.let_go();
  CHECK_MESSAGE(script.wait() == 0, script.output());
  CHECK(weight_of(at.proxy) == 6);
  CHECK(at.proxy.json("status")["generation"] == before + 2);  // The new process's own, and the draft's.
  at.end_successor();
}

TEST_CASE("what comes behind `upgrade` in the same session is answered `moved`, and not done") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  AdminSession session(proxy.socket_path());
  REQUIRE(session.send("upgrade\nlog level debug\nstop"));
  CHECK(session.hear().starts_with("ok pid="));
  CHECK(session.hear().starts_with("error moved: "));
  CHECK(proxy.process().wait() == 0);
  CHECK(pid_of(proxy) != proxy.process().pid());
}

TEST_CASE("who has waited for a verdict in vain is not answered by the process that stands by") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  proxy.add_to_server_table("probation = \"1m\"");
  proxy.write_config(Proxy::pool({&app}));
  AdminSession session(proxy.socket_path());
  CHECK(session.ask("upgrade --wait 100ms").starts_with("error timed_out: "));
  CHECK(session.ask("stop").starts_with("error moved: "));
  CHECK(proxy.json("status").contains("probation"));
}

TEST_CASE("a client that reads slowly hears, too, that another process has taken over") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient slow(proxy.port());  // The old process has not ended before that.
  REQUIRE(slow.send(get_request("/slow/2000")));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
  AdminSession session(proxy.socket_path());
  std::string commands = "help";
  for (int i = 1; i < 500; ++i) commands += "\nhelp";
  REQUIRE(session.send(commands));
  REQUIRE(session.hear() == "ok");
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  std::string last;
  do last = session.hear();
  while (last == "ok");
  CHECK(last.starts_with("error moved: "));
  CHECK(slow.receive().body == "slow\n");
}

}  // namespace
}  // namespace sluice::e2e
