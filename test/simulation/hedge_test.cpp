// Second attempts beside the first one: real connections, step by step on a held clock.
#include "script.h"

#include <doctest/doctest.h>

namespace sluice::simulation {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: one\r\nContent-Length: 0\r\n\r\n";

config::Pool with_retry(const config::Retry& retry) {
  config::Pool pool;
  pool.retry = retry;
  return pool;
}

/// Each backend that is being connected to accepts.
void accept_all(Script& script) {
  for (const char backend : script.dialling()) script.accept(static_cast<size_t>(backend - '0'));
}

TEST_CASE("an attempt's bound holds for the second one of a hedged request, too") {
  Script script(3, with_retry({.attempts = 3, .attempt_timeout = 300ms, .hedge = 50ms}));
  const ScriptedClient& client = script.ask(kGet);
  script.accept(0);
  script.pass(50ms);
  script.accept(1);
  CHECK(script.asked() == "01");
  script.pass(250ms);
  CHECK(script.asked() == "1");
  script.pass(290ms);
  CHECK(script.asked() == "1");  // From the first one's end on it has as much time as that had.
  script.pass(10ms);
  REQUIRE(script.dialling() == "2");
  script.accept(2);
  script.answer(2);
  CHECK(client.status == 204);
}

TEST_CASE("a second attempt that is connected only after the first one's end has its bound from then on") {
  Script script(3, with_retry({.attempts = 3, .attempt_timeout = 300ms, .hedge = 50ms}));
  const ScriptedClient& client = script.ask(kGet);
  script.accept(0);
  script.pass(50ms);
  script.pass(350ms);
  CHECK(script.asked() == "");
  script.accept(1);
  script.pass(290ms);
  CHECK(script.asked() == "1");
  script.pass(20ms);
  REQUIRE(script.dialling() == "2");
  script.accept(2);
  script.answer(2);
  CHECK(client.status == 204);
}

TEST_CASE("what may be sent again is not sent twice at a time unless its method says so") {
  config::Retry keyed{.idempotency_key = true, .hedge = 50ms};
  config::Retry any{.non_idempotent = true, .hedge = 50ms};
  for (const config::Retry& retry : {keyed, any}) {
    Script script(2, with_retry(retry));
    const ScriptedClient& client = script.ask(kPost);
    script.accept(0);
    script.pass(1s);
    accept_all(script);
    CHECK(script.asked() == "0");
    script.break_off(0);
    script.accept(1);  // One after the other it may be.
    script.answer(1);
    CHECK(client.status == 204);
  }
  Script script(2, with_retry({.hedge = 50ms}));
  script.ask(kGet);
  script.accept(0);
  script.pass(1s);
  accept_all(script);
  CHECK(script.asked() == "01");
}

TEST_CASE("a second attempt that comes to no connection uses up none") {
  Script script(3, with_retry({.attempts = 2, .hedge = 50ms}));
  const ScriptedClient& client = script.ask(kGet);
  script.accept(0);
  script.pass(50ms);
  script.refuse(1);
  CHECK(script.retries() == 0);
  script.break_off(0);
  script.accept(2);
  script.answer(2);
  CHECK(client.status == 204);
  CHECK(script.retries() == 1);
  CHECK(script.retried() == 1);
}

}  // namespace
}  // namespace sluice::simulation
