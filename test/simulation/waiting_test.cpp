// How long an exchange waits for a backend: real connections, step by step on a held clock.
#include "script.h"

#include <doctest/doctest.h>

namespace sluice::simulation {
namespace {

using upstream::HealthState;
using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_CASE("only the time that a request has waited counts for the queue's bound, not that of its attempts") {
  config::Pool settings;
  settings.queue.timeout = 2s;
  Script script(1, settings);
  script.probed(0, HealthState::down);
  const ScriptedClient& client = script.ask(kGet);
  script.pass(300ms);
  script.probed(0, HealthState::healthy);
  script.accept(0);
  script.pass(3s);  // The backend has the request, and takes its time.
  REQUIRE(script.asked() == "0");
  script.probed(0, HealthState::down);
  script.break_off(0);
  CHECK(client.status == 0);
  SUBCASE("it gets its answer") {
    script.pass(1600ms);
    script.probed(0, HealthState::healthy);
    script.accept(0);
    script.answer(0);
    CHECK(client.status == 204);
  }
  SUBCASE("both waits count together") {
    script.pass(1600ms);
    CHECK(client.status == 0);
    script.pass(200ms);
    CHECK(client.status == 503);
  }
}

TEST_CASE("a connect in vain counts as waiting") {
  config::Pool settings;
  settings.queue.timeout = 2s;
  Script script(2, settings);
  const ScriptedClient& client = script.ask(kGet);
  script.pass(1500ms);
  script.refuse(0);
  CHECK(client.status == 0);
  script.pass(600ms);
  script.refuse(1);
  CHECK(client.status == 503);
}

TEST_CASE("a client that has left without a word is not served, and frees its place") {
  Script script(1, {});
  script.probed(0, HealthState::down);
  ScriptedClient& client = script.ask(kGet);
  SUBCASE("when a backend is there") {
    script.pass(100ms);
    client.leave_unheard();
    script.probed(0, HealthState::healthy);
  }
  SUBCASE("soon, in any case") {
    client.leave_unheard();
    script.pass(600ms);
  }
  CHECK(client.is_over());
  CHECK(client.status == 0);
  CHECK(script.dialling() == "");
}

TEST_CASE("a retry is counted when it is made") {
  config::Pool settings;
  settings.queue.timeout = 300ms;
  Script script(1, settings);
  const ScriptedClient& client = script.ask(kGet);
  for (int i = 0; i < 3; ++i) {
    script.refuse(0);
    script.pass(50ms);
    if (i < 2) script.probed(0, HealthState::healthy);
  }
  CHECK(client.status == 0);
  script.pass(300ms);
  CHECK(client.status == 503);
  CHECK(script.retries() == 2);
  CHECK(script.retried() == 2);
}

}  // namespace
}  // namespace sluice::simulation
