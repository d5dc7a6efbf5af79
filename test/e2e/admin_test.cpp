// The admin socket for many at a time: forgotten sessions, waits that another command makes moot, and who
// asked for what.
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "admin_session.h"
#include "fixtures.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Many sessions that have said `line` and forget about it.
class Forgotten {
 public:
  Forgotten(const Proxy& proxy, const std::string& line) {
    for (int i = 0; i < 100; ++i) {
      sessions_.push_back(std::make_unique<AdminSession>(proxy.socket_path()));
      sessions_.back()->send(line);
    }
  }

 private:
  std::vector<std::unique_ptr<AdminSession>> sessions_;
};

TEST_CASE("forgotten sessions of any kind keep out no other session, and no upgrade") {
  for (const std::string line : {"status", "begin", "events --follow", "backend list\nevents\nhalf a li"}) {
    CAPTURE(line);
    Proxy proxy(kPool);
    const Forgotten forgotten(proxy, line);
    CHECK(proxy.admin("status").exit_code == 0);
    const auto upgraded = proxy.admin("upgrade");
    CHECK_MESSAGE(upgraded.exit_code == 0, upgraded.output);
  }
}

TEST_CASE("sessions that wait keep no place from commands that do not, and further waits are refused") {
  const Proxy proxy("[pool.shop]\nbackends = [\"127.0.0.1:1\"]\n");
  std::vector<std::unique_ptr<AdminSession>> waiting;
  for (int i = 0; i < 64; ++i) {
    waiting.push_back(std::make_unique<AdminSession>(proxy.socket_path()));
    waiting.back()->send("backend add shop 127.0.0.1:1 --wait 60s");
  }
  AdminSession last(proxy.socket_path());
  REQUIRE(eventually([&] {
    return last.ask("backend add shop 127.0.0.1:1 --wait 1ms").starts_with("error failed: too many sessions");
  }));
  CHECK(proxy.admin("status").exit_code == 0);
  waiting.clear();  // Who has gone waits no more.
  CHECK(eventually(
      [&] { return last.ask("backend add shop 127.0.0.1:1 --wait 1ms").starts_with("error timed_out"); }));
}

TEST_CASE("what asks on the admin socket is named in events and log") {
  const Proxy proxy(kPool);
  AdminSession session(proxy.socket_path());
  CHECK(session.ask("backend add shop 127.0.0.1:2") == "ok generation=2");
  const auto events = proxy.json("events")["events"];
  bool told = false;
  for (const auto& event : events) {
    if (event["event"] != "admin command") continue;
    told = event["fields"]["command"] == "backend add shop 127.0.0.1:2" &&
           event["fields"]["pid"] == getpid() && event["fields"]["uid"] == getuid();
  }
  CHECK(told);
  CHECK(proxy.log().find("pid=" + std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("who may connect is set by the file, and an upgrade sets it anew") {
  Proxy proxy(kPool);
  const auto mode = [&] {
    struct stat file {};
    REQUIRE(stat(proxy.socket_path().c_str(), &file) == 0);
    return file.st_mode & 0777U;
  };
  CHECK(mode() == 0600);
  proxy.add_to_server_table("admin_socket_mode = \"0660\"");
  proxy.add_to_server_table("admin_socket_group = \"" + std::to_string(getegid()) + "\"");
  proxy.write_config(kPool);
  CHECK(proxy.admin("reload").exit_code == 3);
  CHECK(mode() == 0600);
  CHECK(proxy.admin("upgrade").exit_code == 0);
  CHECK(eventually([&] { return mode() == 0660; }));
  proxy.set_in_server_table("admin_socket_group", "\"no-such-group-here\"");
  proxy.write_config(kPool);
  const auto refused = proxy.admin("upgrade");
  CHECK(refused.exit_code != 0);
  CHECK(refused.output.find("admin_socket_group") != std::string::npos);
  CHECK(proxy.admin("status").exit_code == 0);
}

TEST_CASE("a directory that is missing is made for the admin socket") {
  const TempDir directory;
  const std::string socket = directory.path("new/admin.sock");
  write_file(directory.path("s.toml"),
             "[server]\nadmin_socket = \"" + socket + "\"\n[[listener]]\nbind = \"127.0.0.1:0\"\n" + kPool);
  const Child process({sluice_binary(), "run", "-c", directory.path("s.toml")}, directory.path("log"));
  CHECK(eventually([&] { return run({sluice_binary(), "-s", socket, "status"}).exit_code == 0; }));
}

// ---- scripts without commit

TEST_CASE("a script without commit is an error, and says that nothing was changed") {
  const Proxy proxy(kPool);
  const std::string script =
      "printf 'backend add shop 127.0.0.1:3\\nbegin\\nbackend add shop 127.0.0.1:2\\n'";
  const auto piped =
      run({"bash", "-c", script + " | " + sluice_binary() + " -s " + proxy.socket_path() + " -"});
  CHECK(piped.exit_code == 2);
  CHECK(piped.output.find("nothing was changed") != std::string::npos);
  CHECK(proxy.json("status")["generation"] == 1);
  AdminSession half_closed(proxy.socket_path());
  half_closed.send("begin");
  half_closed.send("backend add shop 127.0.0.1:2");
  half_closed.end();
  CHECK(half_closed.hear() == "ok generation=1");
  CHECK(half_closed.hear() == "ok pending=1");
  CHECK(half_closed.hear() == "error usage: the session ended without commit: nothing was changed");
  CHECK(proxy.json("status")["generation"] == 1);
}

// ---- waits that another command makes moot

TEST_CASE("a wait that another command undoes is a conflict at once, and says by whom") {
  DemoApp app({.delay = "30s"});
  Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  Child request({"curl", "-s", proxy.url("/hello")}, "/dev/null");
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  const std::string backend = "shop " + app.address();
  struct Pair {
    std::string waits;
    std::string undoes;
  };
  for (const auto& [waits, undoes] : {Pair{"backend drain " + backend, "backend ready " + backend},
                                      Pair{"backend remove " + backend, "backend add " + backend},
                                      Pair{"pool pause shop", "pool resume shop"}}) {
    CAPTURE(waits);
    AdminSession waiter(proxy.socket_path());
    waiter.send(waits + " --wait 60s");
    REQUIRE(eventually([&] { return proxy.log().find("command=\"" + waits) != std::string::npos; }));
    AdminSession other(proxy.socket_path());
    CHECK(other.ask(undoes).starts_with("ok"));
    const std::string answer = waiter.hear();
    CHECK(answer.starts_with("error conflict: "));
    CHECK(answer.find("by \"" + undoes + "\"") != std::string::npos);
    CHECK(answer.find("pid=" + std::to_string(getpid())) != std::string::npos);
  }
}

TEST_CASE("a wait that a reload or a commit undoes is a conflict at once, and says by whom") {
  DemoApp app({.delay = "10m"});
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.wait_for_healthy(1));
  Child request({"curl", "-s", proxy.url("/hello")}, "/dev/null");
  REQUIRE(eventually([&] { return proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  const std::string backend = "shop " + app.address();
  for (const std::string undoes : {"reload --reset", "commit"}) {
    CAPTURE(undoes);
    AdminSession waiter(proxy.socket_path());
    waiter.send("backend drain " + backend + " --wait 60s");
    REQUIRE(eventually([&] { return proxy.state_of(app) == "draining"; }));
    AdminSession other(proxy.socket_path());
    if (undoes == "commit") {
      CHECK(other.ask("begin").starts_with("ok"));
      CHECK(other.ask("backend ready " + backend).starts_with("ok"));
    }
    CHECK(other.ask(undoes).starts_with("ok"));
    const std::string answer = waiter.hear();
    CHECK_MESSAGE(answer.starts_with("error conflict: "), answer);
    CHECK_MESSAGE(has(answer, "undone meanwhile, by \"" + undoes + "\""), answer);
    CHECK_MESSAGE(has(answer, "pid=" + std::to_string(getpid())), answer);
  }
}

TEST_CASE("to wait for a backend that another command removes or drains is a conflict at once") {
  const Proxy proxy("[pool.shop]\nbackends = [\"127.0.0.1:1\"]\n");
  for (const std::string verb : {"remove", "drain"}) {
    CAPTURE(verb);
    AdminSession waiter(proxy.socket_path());
    waiter.send("backend add shop 127.0.0.1:2 --wait 60s");
    REQUIRE(eventually([&] { return proxy.json("backend list")["backends"].size() == 2; }));
    CHECK(proxy.admin("backend " + verb + " shop 127.0.0.1:2").exit_code == 0);
    const std::string answer = waiter.hear();
    CHECK(answer.starts_with("error conflict: "));
    CHECK(answer.find("by \"backend " + verb + " shop 127.0.0.1:2\"") != std::string::npos);
    CHECK(proxy.admin("backend remove shop 127.0.0.1:2").exit_code == 0);
  }
}

}  // namespace
}  // namespace sluice::e2e
