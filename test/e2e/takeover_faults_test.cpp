// Takeovers that fail, at every step: the old process goes on as if nothing had happened, and says what did.
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "admin_session.h"
#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"
#include "takeover_peer.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// A proxy with clients on it, whose next takeover will fail.
struct Undisturbed {
  explicit Undisturbed(const std::string& takeover_timeout = "10s")
      : proxy(Proxy::pool({&app})), successors(proxy) {
    proxy.add_to_server_table("takeover_timeout = \"" + takeover_timeout + "\"");
    proxy.write_config(Proxy::pool({&app}));
    REQUIRE(proxy.admin("reload").exit_code == 0);
    REQUIRE(proxy.wait_for_healthy(1));
    port = proxy.port();
    idle.connect(port);
    REQUIRE(idle.get("/hello").ok());
    gets.emplace(port, 2, get_request("/hello"));
  }

  /// Nothing has happened: the same process, the same connections, changes are taken, no request failed.
  void check(const std::string& cause) {
    INFO(proxy.log());
    CHECK(eventually(
        [&] { return proxy.log().find("takeover failed, this process goes on") != std::string::npos; }));
    CHECK(proxy.log().find(cause) != std::string::npos);
    CHECK(pid_of(proxy) == proxy.process().pid());
    CHECK(idle.get("/hello").ok());
    CHECK(proxy.admin("backend weight shop " + app.address() + " 7").exit_code == 0);
    CHECK(proxy.admin("reload").exit_code == 0);
    CHECK(RawClient(port).get("/hello").ok());
    const uint64_t before = gets->ok();
    CHECK(eventually([&] { return gets->ok() > before + 20; }));
    gets->stop();
    CHECK_MESSAGE(gets->failed() == 0, gets->first_failure());
    CHECK(gets->told_to_close() == 0);
    // And the next one succeeds.
    CHECK(proxy.admin("upgrade").exit_code == 0);
    CHECK(pid_of(proxy) != proxy.process().pid());
  }

  DemoApp app;
  Proxy proxy;
  Successors successors;
  int port = 0;
  RawClient idle;
  std::optional<LoopingClient> gets;
};

TEST_CASE("a new process that dies before it has said anything changes nothing") {
  Undisturbed at;
  { const TakeoverPeer peer(at.proxy.socket_path()); }
  at.check("the new process hung up before it was ready");
}

TEST_CASE("a new process that dies in the middle of its first message changes nothing") {
  Undisturbed at;
  {
    const TakeoverPeer peer(at.proxy.socket_path());
    peer.send_bytes(TakeoverPeer::framed(TakeoverPeer::hello().dump()).substr(0, 20));
  }
  at.check("the new process hung up before it was ready");
}

TEST_CASE("a new process that dies without reading what it is given changes nothing") {
  Undisturbed at;
  {
    const TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello());
  }
  at.check("the new process hung up before it was ready");
}

TEST_CASE("a new process that dies with everything in its hands changes nothing") {
  Undisturbed at;
  {
    TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello());
    const auto sockets = peer.hear_until("sockets");
    REQUIRE(sockets);
    CHECK((*sockets)["sockets"].size() == 3);  // Two workers' and the admin's.
    CHECK(peer.descriptors().numbers().size() == 3);
    const auto state = peer.hear_until("state");
    REQUIRE(state);
    CHECK((*state)["backends"][0]["health"] == "healthy");
    // Until it is ready or gone nothing changes, and who tries is told.
    AdminSession session(at.proxy.socket_path());
    for (const std::string& change :
         {"backend weight shop " + at.app.address() + " 5", std::string("reload")}) {
      CHECK(session.ask(change) == "error moved: a new process is taking over: ask again in a moment");
    }
    CHECK(at.proxy.admin("upgrade").exit_code == 5);
    CHECK(at.proxy.admin("status").exit_code == 0);
  }
  at.check("the new process hung up before it was ready");
}

TEST_CASE("a new process that dies as soon as it has said that it is ready changes nothing") {
  Undisturbed at;
  {
    TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello());
    REQUIRE(peer.hear_until("state"));
    at.proxy.process().send_signal(SIGSTOP);  // So that it finds both at once: the word, and the end.
    peer.say(TakeoverPeer::ready());
  }
  at.proxy.process().send_signal(SIGCONT);
  at.check("the new process hung up before it was ready");
}

TEST_CASE("a new process that says what nobody understands changes nothing, and is told") {
  Undisturbed at;
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say({{"message", "sing"}});
  const auto refused = peer.hear();
  REQUIRE(refused);
  CHECK((*refused)["message"] == "refused");
  CHECK(peer.is_over());
  at.check("the other process said what this version does not know");
}

TEST_CASE("a new process that says ready out of turn changes nothing") {
  Undisturbed at;
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::ready());
  CHECK(peer.hear_until("refused"));
  at.check("the new process said something out of turn");
}

TEST_CASE("two releases that have no version in common refuse clearly") {
  Undisturbed at;
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello(99, 98));
  const auto refused = peer.hear();
  REQUIRE(refused);
  CHECK((*refused)["code"] == "unsupported");
  CHECK((*refused)["text"] ==
        "the running process speaks versions 1 to 3 of the takeover, the new one 98 to 99: "
        "restart instead");
  at.check("98 to 99");
}

TEST_CASE("a new process that connects and hangs is given up in time") {
  Undisturbed at("300ms");
  TakeoverPeer peer(at.proxy.socket_path());
  CHECK(peer.hear_until("refused"));
  at.check("it has connected, but not said hello");
}

TEST_CASE("a new process that takes everything and hangs is given up in time") {
  Undisturbed at("300ms");
  TakeoverPeer peer(at.proxy.socket_path());
  peer.say(TakeoverPeer::hello());
  REQUIRE(peer.hear_until("state"));
  CHECK(peer.hear_until("refused"));
  at.check("it has the listeners, but did not say that it is ready");
}

TEST_CASE("a process that takes over is not given up because another one, which was started to, has ended") {
  DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  const TempDir directory;
  const std::string slow = directory.path("slow");
  write_file(slow,
             "#!/bin/sh\nread -r go < " + directory.path("go") + "\nexec " + sluice_binary() + " \"$@\"\n");
  REQUIRE(run({"mkfifo", directory.path("go")}).exit_code == 0);
  REQUIRE(run({"chmod", "+x", slow}).exit_code == 0);
  AdminSession upgrade(proxy.socket_path());
  upgrade.send("upgrade --binary " + slow);
  REQUIRE(eventually([&] { return proxy.log().find("upgrade started") != std::string::npos; }));
  TakeoverPeer first(proxy.socket_path());
  first.say(TakeoverPeer::hello());
  REQUIRE(first.hear_until("state"));
  write_file(directory.path("go"), "go\n");
  REQUIRE(eventually([&] { return successors.living().empty(); }));
  CHECK_FALSE(first.hear(500ms));  // As long as nobody could be given up in.
  CHECK_FALSE(first.is_over(0ms));
  first.say({{"message", "ready"}, {"listeners", json::Value::array()}, {"admin", false}});
  CHECK(first.hear_until("yours"));
  CHECK(upgrade.hear().starts_with("ok pid=" + std::to_string(::getpid()) + " "));
  first.hang_up();
  CHECK(proxy.process().wait() == 0);
}

TEST_CASE("a process of another user is refused, whoever may connect to the admin socket") {
  if (::geteuid() != 0) {
    MESSAGE("not tested: only root can be another user");
    return;
  }
  Undisturbed at;
  const std::filesystem::path socket = at.proxy.socket_path();
  std::filesystem::permissions(socket, std::filesystem::perms(0666));
  std::filesystem::permissions(socket.parent_path(), std::filesystem::perms(0755));
  REQUIRE(::seteuid(65534) == 0);
  TakeoverPeer peer(socket);  // The kernel remembers who has connected.
  REQUIRE(::seteuid(0) == 0);
  peer.say(TakeoverPeer::hello());
  const auto refused = peer.hear();
  REQUIRE(refused);
  CHECK((*refused)["code"] == "denied");
  CHECK(peer.is_over());
  CHECK(at.proxy.admin("upgrade").exit_code == 0);  // It is not even noticed.
}

TEST_CASE("one takeover at a time: who comes second is refused") {
  Undisturbed at;
  {
    TakeoverPeer first(at.proxy.socket_path());
    first.say(TakeoverPeer::hello());
    REQUIRE(first.hear_until("state"));
    TakeoverPeer second(at.proxy.socket_path());
    const auto refused = second.hear();
    REQUIRE(refused);
    CHECK((*refused)["code"] == "conflict");
  }
  at.check("hung up");
}

/// The answer of `upgrade` to a binary that is this script.
Finished upgrade_to(const Undisturbed& at, const std::string& script) {
  const TempDir directory;
  const std::string path = directory.path("binary");
  write_file(path, "#!/bin/sh\n" + script + "\n");
  run({"chmod", "+x", path});
  return at.proxy.admin("upgrade --binary " + path);
}

TEST_CASE("a binary that is not there, ends at once, or is killed is told in the answer of upgrade") {
  Undisturbed at;
  const auto missing = at.proxy.admin("upgrade --binary /nowhere/sluice");
  CHECK(missing.exit_code == 8);
  CHECK(missing.output.find("cannot start /nowhere/sluice") != std::string::npos);
  const auto ended = upgrade_to(at, "exit 7");
  CHECK(ended.exit_code == 1);
  CHECK(ended.output.find("the new process ended with exit code 7 before it was ready") != std::string::npos);
  const auto killed = upgrade_to(at, "kill -SEGV $$");
  CHECK(killed.output.find("the new process was ended by signal 11 before it was ready") !=
        std::string::npos);
  at.check("ended by signal 11");
}

TEST_CASE("a binary that hangs is given up in time, and ended") {
  Undisturbed at("300ms");
  const auto hung = upgrade_to(at, "trap '' TERM; while :; do sleep 0.05; done");
  CHECK(hung.exit_code == 4);
  CHECK(hung.output.find("was not ready within server.takeover_timeout: it did not ask for the listeners") !=
        std::string::npos);
  CHECK(eventually([&] { return at.successors.living().empty(); }));
  at.check("not ready within");
}

TEST_CASE("a configuration that the new process refuses is the answer of upgrade, line by line") {
  Undisturbed at;
  at.proxy.write_config("[pool.shop]\nbackend = [\"x\"]\n");
  const auto refused = at.proxy.admin("upgrade");
  CHECK(refused.exit_code == 3);
  CHECK(refused.output.find("pool.shop.backend: unknown key, did you mean \"backends\"?") !=
        std::string::npos);
  const DemoApp taken;
  at.proxy.write_config("[[listener]]\nbind = \"" + taken.address() + "\"\n" + Proxy::pool({&at.app}));
  const auto in_use = at.proxy.admin("upgrade");
  CHECK(in_use.exit_code == 3);
  CHECK(in_use.output.find("cannot listen on " + taken.address()) != std::string::npos);
  at.proxy.write_config(Proxy::pool({&at.app}));
  at.check("cannot listen on");
}

TEST_CASE("an upgrade that failed is told once, and not again when somebody else takes over") {
  const DemoApp app;
  const Proxy proxy(Proxy::pool({&app}));
  REQUIRE(proxy.admin("upgrade --binary /bin/false").exit_code == 1);
  TakeoverPeer peer(proxy.socket_path());
  peer.say(TakeoverPeer::hello());
  REQUIRE(peer.hear_until("state"));
  const std::string log = proxy.log();
  const auto first = log.find("takeover failed");
  REQUIRE(first != std::string::npos);
  CHECK(log.find("takeover failed", first + 1) == std::string::npos);
}

}  // namespace
}  // namespace sluice::e2e
