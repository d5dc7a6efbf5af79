// Stops and reloads that come in the middle of a takeover: whoever is told, it is done, and by the process
// that is the one then.
#include <csignal>

#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"
#include "takeover_between.h"
#include "takeover_peer.h"
#include "unanswered.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

TEST_CASE("a stop while a new process has everything in its hands refuses that one, and drains") {
  for (const bool by_signal : {true, false}) {
    CAPTURE(by_signal);
    const DemoApp app;
    Proxy proxy(Proxy::pool({&app}));
    REQUIRE(proxy.wait_for_healthy(1));
    RawClient slow(proxy.port());
    REQUIRE(slow.send(get_request("/slow/500")));
    REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
    TakeoverPeer peer(proxy.socket_path());
    peer.say(TakeoverPeer::hello());
    REQUIRE(peer.hear_until("state"));
    if (by_signal) {
      proxy.process().send_signal(SIGTERM);
    } else {
      CHECK(proxy.admin("stop").exit_code == 0);
    }
    const auto refused = peer.hear_until("refused");
    REQUIRE(refused);
    CHECK((*refused)["text"] == "this process was told to stop");
    CHECK(peer.is_over());
    CHECK(slow.receive().body == "slow\n");
    CHECK(proxy.process().wait() == 0);
  }
}

TEST_CASE("a stop while a new process is about to be ready ends both, and leaves nobody deaf") {
  Between at;
  at.start_until(From::new_one, "ready");
  at.proxy.process().send_signal(SIGTERM);
  CHECK(at.proxy.process().wait() == 0);
  at.relay.let_go();
  CHECK(at.successor->wait() == 5);
  CHECK(at.successor_says("this process was told to stop"));
  CHECK_FALSE(RawClient().connect(at.port));
}

TEST_CASE("a process that has handed over drains when it is told to stop, and stops when it is told twice") {
  for (const int times : {1, 2}) {
    CAPTURE(times);
    const DemoApp app;
    Proxy proxy(Proxy::pool({&app}));
    const Successors successors(proxy);
    REQUIRE(proxy.wait_for_healthy(1));
    RawClient slow(proxy.port());
    REQUIRE(slow.send(get_request("/slow/1000")));
    REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
    REQUIRE(proxy.admin("upgrade").exit_code == 0);
    proxy.process().send_signal(SIGTERM);
    REQUIRE(eventually(
        [&] { return proxy.log().find("told to stop, and drains already") != std::string::npos; }));
    if (times == 2) proxy.process().send_signal(SIGTERM);
    CHECK((slow.receive().body == "slow\n") == (times == 1));
    CHECK(proxy.process().wait() == 0);
    CHECK(RawClient(proxy.port()).get("/hello").ok());
  }
}

TEST_CASE("what has no answer when the time of a process that has handed over is over is told so") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  proxy.set_in_server_table("drain_timeout", "\"300ms\"");
  proxy.write_config(with_queue(app));
  REQUIRE(proxy.admin("reload").exit_code == 0);
  REQUIRE(proxy.wait_for_healthy(1));
  Unanswered clients(proxy.port());
  RawClient begun(proxy.port());
  REQUIRE(begun.send(get_request("/bytes/104857600")));
  REQUIRE(eventually([&] { return proxy.json("dispositions")["process"]["in_flight"] == 4; }));
  REQUIRE(begun.receive_all(10s, 1000).starts_with("HTTP/1.1 200 "));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  clients.check_stopped();
  CHECK(proxy.process().wait() == 0);
  CHECK(proxy.log().find("requests accounted accepted=4 stopped=4 balanced=yes") != std::string::npos);
  CHECK(RawClient(proxy.port()).get("/hello").ok());
}

TEST_CASE("a stop of a new process that is ready waits for the word of the old one, and is a drain then") {
  Between at;
  at.start_until(From::old_one, "yours");
  at.successor->send_signal(SIGTERM);
  REQUIRE(at.successor_says("told to stop, as soon as it is known whose the listeners are"));
  auto waiting = ask_many(at.port, 20);
  at.relay.let_go();
  for (auto& client : waiting) CHECK(client.receive().ok());
  CHECK(at.successor->wait() == 0);
  CHECK(at.proxy.process().wait() == 0);
  CHECK(at.successor->output().find("the other process goes on") == std::string::npos);
}

TEST_CASE("a stop of a new process that is refused in the end leaves the old one as it was") {
  Between at;
  at.start_until(From::new_one, "ready");
  at.successor->send_signal(SIGTERM);
  REQUIRE(at.successor_says("told to stop, as soon as it is known whose the listeners are"));
  at.lose_successor();
  CHECK(at.old_one_says("takeover failed"));
  CHECK(RawClient(at.port).get("/hello").ok());
  CHECK(pid_of(at.proxy) == at.proxy.process().pid());
}

/// What the newest generation came of; empty when who was asked has just been taken over from.
std::string newest_cause(const Proxy& proxy) {
  const auto reply = proxy.json("generation list");
  return reply.contains("generations") ? reply["generations"].back()["cause"].get<std::string>() : "";
}

TEST_CASE("a reload by signal in the middle of a takeover is done by whoever goes on") {
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    Between at;
    at.start_until(From::new_one, "ready");
    at.proxy.process().send_signal(SIGHUP);
    REQUIRE(at.old_one_says("reload postponed"));
    CHECK(newest_cause(at.proxy) == "start");
    if (fails) {
      at.lose_successor();
    } else {
      at.relay.let_go();
    }
    CHECK(eventually([&] { return newest_cause(at.proxy) == "reload"; }));
    CHECK((pid_of(at.proxy) == at.proxy.process().pid()) == fails);
    at.end_successor();
  }
}

TEST_CASE("a reload by signal of a process that has handed over is done by the one that has taken over") {
  const DemoApp app;
  Proxy proxy(Proxy::pool({&app}));
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  RawClient slow(proxy.port());
  REQUIRE(slow.send(get_request("/slow/2000")));
  REQUIRE(eventually([&] { return proxy.json("status")["requests"]["accepted"] == 1; }));
  REQUIRE(proxy.admin("upgrade").exit_code == 0);
  CHECK(newest_cause(proxy) == "takeover");
  proxy.process().send_signal(SIGHUP);
  CHECK(eventually([&] { return newest_cause(proxy) == "reload"; }));
  CHECK(proxy.process().is_running());
  CHECK(slow.receive().body == "slow\n");
}

TEST_CASE("a new process that is told to reload before it is the one does not blind the old one") {
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    Between at;
    at.start_until(From::new_one, "ready");
    std::string without = read_file(at.proxy.config_path());
    const auto listener = without.find("[[listener]]");
    without.erase(listener, without.find("[pool.", listener) - listener);
    write_file(at.proxy.config_path(), without + "[[listener]]\nbind = \"127.0.0.2:0\"\n");
    at.successor->send_signal(SIGHUP);
    REQUIRE(at.successor_says("reload postponed"));
    if (fails) {
      at.lose_successor();
    } else {
      at.relay.let_go();
    }
    if (fails) {
      CHECK(at.old_one_says("takeover failed"));
      CHECK(run({"curl", "-fsS", "--connect-timeout", "2", at.proxy.url("/hello")}).exit_code == 0);
    } else {
      CHECK(eventually([&] { return newest_cause(at.proxy) == "reload"; }));
      CHECK(eventually([&] { return !RawClient().connect(at.port); }));
    }
    at.end_successor();
  }
}

}  // namespace
}  // namespace sluice::e2e
