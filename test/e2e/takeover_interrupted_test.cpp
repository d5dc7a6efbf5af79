// Real new processes that die or hang at each message of a takeover, under load: no client notices, and the
// old process serves on and says what has happened.
#include <csignal>

#include "raw_client.h"
#include "successors.h"
#include "takeover_between.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

/// Clients that stay and clients that come and go: at every moment some are in the kernel's queues.
struct Load {
  explicit Load(int port) : staying(port, 4, get_request("/hello")), coming(port, 16, one_request()) {}

  static std::string one_request() { return "GET /slow/20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"; }
  bool goes_on() const {
    const uint64_t came = coming.ok();
    const uint64_t stayed = staying.ok();
    return eventually([&] { return coming.ok() > came + 50 && staying.ok() > stayed + 50; });
  }
  void check() {
    CHECK(goes_on());
    staying.stop();
    coming.stop();
    CHECK_MESSAGE(staying.failed() == 0, staying.first_failure());
    CHECK_MESSAGE(coming.failed() == 0, coming.first_failure());
    CHECK(staying.told_to_close() == 0);
  }

  LoopingClient staying;
  LoopingClient coming;
};

struct Moment {
  From from;
  const char* kind;
  const char* cause_of_hanging;
};

const std::vector<Moment> kMoments = {
    {From::new_one, "hello", "it has connected, but not said hello"},
    {From::old_one, "sockets", "it has the listeners, but did not say that it is ready"},
    {From::old_one, "state", "it has the listeners, but did not say that it is ready"},
    {From::new_one, "ready", "it has the listeners, but did not say that it is ready"}};

TEST_CASE("a new process that crashes at any message before it is the one costs no client anything") {
  for (const Moment& moment : kMoments) {
    CAPTURE(moment.kind);
    Between at;
    Load load(at.port);
    at.start_until(moment.from, moment.kind);
    REQUIRE(load.goes_on());
    at.lose_successor();
    CHECK(at.old_one_says("the new process hung up before it was ready"));
    load.check();
    CHECK(pid_of(at.proxy) == at.proxy.process().pid());
    CHECK(at.proxy.admin("backend weight shop " + at.app.address() + " 7").exit_code == 0);
  }
}

TEST_CASE("a new process that hangs at any message before it is the one costs no client anything") {
  for (const Moment& moment : kMoments) {
    CAPTURE(moment.kind);
    Between at("takeover_timeout = \"1s\"");
    Load load(at.port);
    at.start_until(moment.from, moment.kind);
    REQUIRE(load.goes_on());
    at.successor->send_signal(SIGSTOP);
    CHECK(at.old_one_says(moment.cause_of_hanging));
    load.check();
    CHECK(pid_of(at.proxy) == at.proxy.process().pid());
    CHECK(at.proxy.admin("backend weight shop " + at.app.address() + " 7").exit_code == 0);
    at.successor->send_signal(SIGKILL);
  }
}

/// The old process is the one again.
void check_old_one_goes_on(Between& at) {
  CHECK(at.old_one_says("this process goes on in place of the new one"));
  CHECK(eventually([&] { return at.proxy.admin("status").exit_code == 0; }));
  CHECK(pid_of(at.proxy) == at.proxy.process().pid());
}

TEST_CASE(
    "a new process on probation that crashes before it knows that it is the one costs nobody anything") {
  Between at("probation = \"1m\"");
  Load load(at.port);
  at.start_until(From::old_one, "yours");
  at.lose_successor();
  check_old_one_goes_on(at);
  load.check();
}

/// Whom the new process accepts once it is the one is lost with it: here nobody comes.
TEST_CASE("connections that a new process on probation crashes before it takes stay with the old one") {
  Between at("probation = \"1m\"");
  LoopingClient staying(at.port, 16, get_request("/hello"));
  at.start_until(From::old_one, "connections");
  at.lose_successor();
  check_old_one_goes_on(at);
  const uint64_t answered = staying.ok();
  CHECK(eventually([&] { return staying.ok() > answered + 50; }));
  staying.stop();
  CHECK_MESSAGE(staying.failed() == 0, staying.first_failure());
  CHECK(staying.told_to_close() == 0);
}

TEST_CASE("a takeover whose last word takes its time loses nobody who comes meanwhile") {
  Between at;
  at.start_until(From::old_one, "yours");
  auto waiting = ask_many(at.port, 50);
  at.relay.let_go();
  for (auto& client : waiting) CHECK(client.receive().ok());
  CHECK(at.proxy.process().wait() == 0);
  at.end_successor();
}

}  // namespace
}  // namespace sluice::e2e
