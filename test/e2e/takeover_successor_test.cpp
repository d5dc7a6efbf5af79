// The new process's part, with the old one played by the test: what it does when that one refuses, or dies.
#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>

#include "fixtures.h"
#include "raw_client.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// The old process, as far as the new one can tell; and the new one.
struct OldOne {
  explicit OldOne(const std::string& more = "")
      : admin(listen_on(directory.path("old.sock"))), web(listen_on_any_port()), port(port_of(web)) {
    held.add(admin);
    held.add(web);
    id = "127.0.0.1:" + std::to_string(port);
    write_file(config_path(), "[server]\nadmin_socket = \"" + directory.path("old.sock") +
                                  "\"\nworkers = 2\n" + more + "[[listener]]\nbind = \"" + id + "\"\n" +
                                  Proxy::pool({&app}));
    successor.emplace(std::vector<std::string>{sluice_binary(), "run", "-c", config_path(),
                                               "--takeover=" + directory.path("old.sock")},
                      directory.path("log"));
    peer.emplace(::accept(admin, nullptr, nullptr));
  }

  std::string config_path() const { return directory.path("sluice.toml"); }
  void give() const {
    give_sockets();
    give_state();
  }
  void give_sockets() const {
    REQUIRE(peer->say({{"message", "sockets"},
                       {"sockets",
                        {{{"kind", "listener"}, {"name", id}, {"index", 0}},
                         {{"kind", "admin"}, {"name", directory.path("old.sock")}, {"index", 0}}}}},
                      {web, admin}));
  }
  void give_state() const {
    const auto health = {json::Value{{"pool", "shop"}, {"address", app.address()}, {"health", "healthy"}}};
    REQUIRE(peer->say({{"message", "state"},
                       {"version", 1},
                       {"process", 1},
                       {"saved", {{"version", 1}, {"generation", 41}, {"changes", json::Value::array()}}},
                       {"backends", health}}));
  }
  /// With all that it has.
  void die() {
    held = Descriptors();
    peer->hang_up();
  }
  /// A client that waits in the queue for nobody else.
  void accept_one() {
    pollfd entry{.fd = web, .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&entry, 1, 5000) == 1);
    const int accepted = ::accept4(web, nullptr, nullptr, SOCK_NONBLOCK);
    CHECK(accepted >= 0);
    if (accepted >= 0) held.add(accepted);
  }
  Finished status() const { return run({sluice_binary(), "-s", directory.path("old.sock"), "status"}, 5s); }

  TempDir directory;
  DemoApp app;
  Descriptors held;
  int admin;
  int web;
  int port;
  std::string id;
  std::optional<Child> successor;
  std::optional<TakeoverPeer> peer;
};

json::Value nothing_counted() {
  return {{"accepted", 0},
          {"ended", json::Value::object()},
          {"retries", 0},
          {"connections_accepted", 0},
          {"connections", 0}};
}

TEST_CASE(
    "a new process accepts nobody before it is told that all is its own, and answers as the process then") {
  OldOne old;
  const auto hello = old.peer->hear();
  REQUIRE(hello);
  CHECK((*hello)["message"] == "hello");
  CHECK((*hello)["process"] == old.successor->pid());
  old.give();
  const auto ready = old.peer->hear_until("ready");
  REQUIRE(ready);
  CHECK((*ready)["listeners"] == json::Value::array({old.id}));
  CHECK((*ready)["admin"] == true);
  std::vector<RawClient> clients(20);
  for (auto& client : clients) {  // The old one's, each of them.
    REQUIRE(client.connect(old.port));
    old.accept_one();
  }
  RawClient waiting(old.port);
  REQUIRE(waiting.send(get_request("/hello")));
  CHECK(waiting.receive(false, 200ms).status == 0);
  CHECK(old.successor->output().find("sluice started") == std::string::npos);
  const json::Value totals = {{"accepted", 5},
                              {"ended", {{"ok", 5}}},
                              {"retries", 0},
                              {"connections_accepted", 2},
                              {"connections", 1}};
  REQUIRE(old.peer->say({{"message", "yours"}, {"totals", totals}, {"predecessors", 0}}));
  CHECK(waiting.receive().ok());
  REQUIRE(eventually([&] { return old.successor->output().find("sluice started") != std::string::npos; }));
  const auto status = old.status();
  CHECK(status.output.find("generation=42") != std::string::npos);
  CHECK(status.output.find("ok=6") != std::string::npos);  // Counts go on.
  CHECK(status.output.find("draining process pid=1 connections=1") != std::string::npos);
  old.peer->hang_up();
  CHECK(eventually([&] { return old.status().output.find("draining process") == std::string::npos; }));
  CHECK(old.status().output.find("ok=6") != std::string::npos);
}

TEST_CASE("a new process that is refused at the last moment leaves the queue, and ends") {
  OldOne old;
  old.give();
  REQUIRE(old.peer->hear_until("ready"));
  RawClient waiting(old.port);
  waiting.send(get_request("/hello"));
  REQUIRE(old.peer->say({{"message", "refused"}, {"code", "timed_out"}, {"text", "too late"}}));
  CHECK(old.successor->wait() == 4);
  CHECK(old.successor->output().find("the other process goes on") != std::string::npos);
  old.accept_one();
  CHECK(run({"test", "-S", old.directory.path("old.sock")}).exit_code == 0);
}

TEST_CASE("a new process that was told to stop before it is refused leaves all to the old one") {
  OldOne old;
  old.give();
  REQUIRE(old.peer->hear_until("ready"));
  old.successor->send_signal(SIGTERM);
  REQUIRE(eventually([&] { return old.successor->output().find("told to stop") != std::string::npos; }));
  CHECK(old.successor->is_running());
  REQUIRE(old.peer->say({{"message", "refused"}, {"code", "timed_out"}, {"text", "too late"}}));
  CHECK(old.successor->wait() == 4);
}

TEST_CASE("a process before which too many still drain is upgraded once they do not") {
  OldOne old;
  old.give();
  REQUIRE(old.peer->hear_until("ready"));
  const auto yours = [&](int predecessors) {
    return json::Value{{"message", "yours"}, {"totals", nothing_counted()}, {"predecessors", predecessors}};
  };
  REQUIRE(old.peer->say(yours(63)));  // And the old one itself.
  REQUIRE(eventually([&] { return old.successor->output().find("sluice started") != std::string::npos; }));
  const auto refused = run({sluice_binary(), "-s", old.directory.path("old.sock"), "upgrade"}, 10s);
  CHECK(refused.exit_code == 5);
  CHECK(refused.output.find("too many earlier processes still drain") != std::string::npos);
  REQUIRE(old.peer->say(yours(62)));
  CHECK(eventually([&] {
    const TakeoverPeer next(old.directory.path("old.sock"));
    return next.say(TakeoverPeer::hello()) &&
           old.successor->output().find("takeover failed") != std::string::npos;
  }));
}

TEST_CASE("an old process that dies in the middle leaves all to the new one that is ready") {
  OldOne old;
  old.give();
  REQUIRE(old.peer->hear_until("ready"));
  old.peer->hang_up();
  REQUIRE(eventually([&] { return old.successor->output().find("sluice started") != std::string::npos; }));
  CHECK(RawClient(old.port).get("/hello").ok());
  CHECK(old.status().exit_code == 0);
}

TEST_CASE("a new process accepts, whatever the old one has refused on its way out") {
  OldOne old;
  old.give();
  REQUIRE(old.peer->hear_until("ready"));
  sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog filter{.len = 1, .filter = &none};
  REQUIRE(::setsockopt(old.web, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0);
  old.peer->hang_up();
  REQUIRE(eventually([&] { return old.successor->output().find("sluice started") != std::string::npos; }));
  CHECK(RawClient(old.port).get("/hello").ok());
}

TEST_CASE("an old process that dies before it has given everything leaves the file to start from") {
  OldOne old;
  REQUIRE(old.peer->hear());
  old.die();
  REQUIRE(eventually([&] { return old.successor->output().find("sluice started") != std::string::npos; }));
  CHECK(old.status().exit_code == 0);
  CHECK(RawClient(old.port).get("/hello").ok());
}

TEST_CASE(
    "an old process that dies when it has given its sockets leaves them, and who waits in their queues") {
  OldOne old;
  RawClient waiting(old.port);
  REQUIRE(waiting.send(get_request("/hello")));
  old.give_sockets();
  old.die();
  CHECK(waiting.receive().ok());
  CHECK(old.status().exit_code == 0);
}

TEST_CASE("a process that hangs up without a word, and lives, is not started beside") {
  OldOne old;
  old.give_sockets();
  old.peer->hang_up();
  CHECK(old.successor->wait() == 5);
  CHECK(old.successor->output().find("another process is listening on") != std::string::npos);
}

TEST_CASE("a release that knows nothing of takeovers is told from one that does") {
  OldOne old;
  old.peer->send_bytes("error usage: unknown command \"takeover\"\n");
  CHECK(old.successor->wait() == 1);
  CHECK(old.successor->output().find("the other side said: error usage: unknown command \"takeover\"") !=
        std::string::npos);
}

TEST_CASE("a new process that is to be on probation does without where the old one knows of none") {
  OldOne old("probation = \"1m\"\n");
  old.give();
  const auto ready = old.peer->hear_until("ready");
  REQUIRE(ready);
  CHECK((*ready)["probation"] == false);
  CHECK(eventually([&] {
    return old.successor->output().find(
               "no probation: the running process is of a release that knows none") != std::string::npos;
  }));
}

}  // namespace
}  // namespace sluice::e2e
