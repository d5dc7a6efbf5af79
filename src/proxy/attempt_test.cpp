// What an attempt sends, how it waits for the response, and how it fails; its connections are in
// attempt_connection_test.cpp.
#include <sluice/proxy/attempt.h>

#include <functional>
#include <memory>
#include <string>

#include "proxy/test_attempt.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using std::chrono::hours;
using std::chrono::seconds;

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
const std::string kHints = "HTTP/1.1 103 Early Hints\r\n\r\n";
const std::string kPut = "PUT /cart HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";

/// 5 seconds for a response to begin while other attempts are allowed, else 60.
TestSettings cut_early() {
  return {.pool = {.retry = {.attempts = 3, .attempt_timeout = seconds(5)}}};
}

bool has_line(const Taken& taken, const std::string& line) {
  return taken.head.find("\r\n" + line + "\r\n") != std::string::npos;
}

// ---- the request

TEST_CASE("a request without a Host asks for its backend") {
  TestAttempt run({}, "GET / HTTP/1.0\r\n\r\n");
  SUBCASE("by its address") {
    run.dial();
    CHECK(has_line(*run.to_backend, "Host: 192.0.2.9:9001"));
  }
  SUBCASE("which is this host when that is a path") {
    auto state = std::make_shared<upstream::BackendState>("shop", Address::local("/run/shop"));
    run.begin(std::make_shared<upstream::Backend>(std::move(state), 0, run.worker.dialer.connector,
                                                  [](const auto&) {}));
    run.dial();
    CHECK(has_line(*run.to_backend, "Host: localhost"));
  }
}

TEST_CASE("a request asks for the Host that its route says") {
  for (const std::string request : {TestAttempt::kPlainGet, "GET / HTTP/1.0\r\n\r\n"}) {
    TestAttempt run({.config = {.routes = {{.rewrite_host = "inner.example", .pool = "shop"}}}}, request);
    run.dial();
    CHECK(has_line(*run.to_backend, "Host: inner.example"));
  }
}

TEST_CASE("a request says what its plan, its route and its pool say") {
  config::Route edited{.pool = "shop"};
  edited.request_fields.set = {{"X-Inner", "yes"}};
  TestAttempt run({.config = {.routes = {edited}}, .pool = {.keep_alive = false}});
  run.flight.request_id = "its-id";
  run.plan.target = "/inner?id=7";
  run.dial();
  CHECK(run.to_backend->head.starts_with("GET /inner?id=7 HTTP/1.1\r\n"));
  for (const std::string line : {"Host: shop.example", "X-Inner: yes", "X-Request-Id: its-id",
                                 "X-Forwarded-For: 192.0.2.1", "Connection: close"}) {
    CHECK(has_line(*run.to_backend, line));
  }
}

TEST_CASE("a request asks for another protocol when its plan says so") {
  TestAttempt run;
  run.plan.upgrade = "websocket";
  run.dial();
  CHECK(has_line(*run.to_backend, "Upgrade: websocket"));
}

TEST_CASE("a body goes behind the head, and with it when a part of it is there") {
  for (const bool is_there : {true, false}) {
    TestAttempt run({}, kPut);
    if (is_there) run.client.source.say("hello");
    run.dial();
    CHECK(run.backend->waits_for_body == is_there);
    CHECK(run.to_backend->body == (is_there ? "hello" : ""));
    run.client.source.say("world");
    run.client.source.end();
    CHECK(run.to_backend->body == (is_there ? "helloworld" : "world"));
    CHECK(run.to_backend->has_ended);
  }
}

TEST_CASE("a body waits until the head has left") {
  TestAttempt run({}, kPut);
  run.backend = run.rest();
  run.backend->sink.block();
  run.attempt->take_connection({.may_be_repeated = true});
  run.attempt->send();
  run.client.source.say("hello");
  CHECK(run.backend->sink.unsent() == "");
  run.backend->sink.open();
  CHECK(run.backend->sink.taken()->body == "hello");
}

TEST_CASE(
    "a body is remembered when it may be sent again, and a small one for a connection that may be over") {
  struct Case {
    bool may_replay;
    bool reused;
    size_t most;  // bytes that are remembered
  };
  for (const Case each : {Case{true, false, 20'000}, Case{true, true, 20'000}, Case{false, true, 8192},
                          Case{false, false, 0}}) {
    for (const size_t bytes : {each.most, each.most + 1}) {
      TestAttempt run({.pool = {.retry = {.buffer_bytes = 20'000}}}, kPut);
      run.plan.may_replay = each.may_replay;
      each.reused ? run.send_again() : run.dial();
      if (bytes > 0) run.client.source.say(std::string(bytes, 'x'));
      CHECK(run.body->is_replayable() == (bytes == each.most));
    }
  }
}

// ---- the response

TEST_CASE("interim responses come in their order, and then the response") {
  TestAttempt run;
  run.dial();
  CHECK_FALSE(run.attempt->has_answered());
  run.backend->answer(kHints);
  CHECK(run.attempt->has_answered());
  run.backend->answer("HTTP/1.1 102 Processing\r\n\r\n");
  run.backend->answer(kOk);
  CHECK(run.said == "sending interim:103 interim:102 head:200 ");
  CHECK_FALSE(run.backend->is_awaited());
}

TEST_CASE("a change of protocols is a response, not an interim one") {
  TestAttempt run;
  run.dial();
  run.backend->answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  CHECK(run.said == "sending head:101 ");
  CHECK_FALSE(run.backend->is_awaited());
}

TEST_CASE("a hundred interim responses are enough") {
  TestAttempt run;
  run.dial();
  for (int i = 0; i < 100; ++i) run.backend->answer(kHints);
  SUBCASE("and not too many") {
    run.backend->answer(kOk);
    CHECK(run.said.ends_with("interim:103 head:200 "));
  }
  SUBCASE("for a backend that does not end") {
    run.backend->answer(kHints);
    CHECK(run.said.ends_with("interim:103 over "));
    CHECK(run.outcome.error.code == ErrorCode::malformed);
    CHECK(run.outcome.error.origin == Origin::upstream);
    CHECK(run.outcome.error.status == 502);
    CHECK(run.outcome.was_connected);
  }
}

// ---- time

TEST_CASE("a response has to begin in its time") {
  TestAttempt run({.pool = {.timeouts = {.response = seconds(30)}}});
  run.dial();
  run.worker.pass(seconds(30) - Duration(1));
  CHECK(run.said == "sending ");
  run.worker.pass(Duration(1));
  CHECK(run.said == "sending over ");
  CHECK(run.outcome.error.code == ErrorCode::timed_out);
  CHECK(run.outcome.error.origin == Origin::upstream);
  CHECK(run.outcome.was_connected);
  CHECK_FALSE(run.outcome.was_cut);
  CHECK_FALSE(run.outcome.is_stale);
}

TEST_CASE("an attempt that follows a slow connect has all of its time") {
  TestAttempt run;
  run.attempt->dial();
  run.worker.pass(seconds(2) - Duration(1));
  run.accept();
  run.worker.pass(seconds(60) - Duration(1));
  CHECK(run.said == "sending ");
}

TEST_CASE("an attempt is cut early as long as another one is allowed") {
  bool is_early = false;
  std::function<void(TestAttempt&)> but = [](TestAttempt&) {};
  std::string request = TestAttempt::kPlainGet;
  SUBCASE("which is so") {
    is_early = true;
  }
  SUBCASE("also with a body that can be sent again") {
    is_early = true;
    request = kPut;
  }
  SUBCASE("but not when this is the last") {
    but = [](TestAttempt& run) { run.flight.attempts = 3; };
  }
  SUBCASE("but not when the request may not be repeated") {
    but = [](TestAttempt& run) { run.plan.may_replay = false; };
  }
  SUBCASE("but not when the body cannot be sent again") {
    request = kPut;
    but = [](TestAttempt& run) { run.client.source.say(std::string(100'000, 'x')); };
  }
  TestAttempt run(cut_early(), request);
  run.plan.may_replay = true;
  but(run);
  run.dial();
  run.attempt->restart_deadline();  // As when the last byte of a body has been sent.
  run.worker.pass(seconds(5) - Duration(1));
  CHECK(run.said == "sending ");
  run.worker.pass(Duration(1));
  CHECK((run.said == "sending over ") == is_early);
  run.worker.pass(seconds(55) - Duration(1));
  CHECK((run.said == "sending over ") == is_early);
  run.worker.pass(Duration(1));
  CHECK(run.said == "sending over ");
  CHECK(run.outcome.error.code == ErrorCode::timed_out);
  CHECK(run.outcome.was_cut == is_early);
}

TEST_CASE("an attempt that has taken all of a backend's time is not cut, however long one may take") {
  TestAttempt run({.pool = {.retry = {.attempts = 3, .attempt_timeout = seconds(90)}}});
  run.plan.may_replay = true;
  run.dial();
  run.worker.pass(seconds(60));
  CHECK(run.said == "sending over ");
  CHECK_FALSE(run.outcome.was_cut);
}

TEST_CASE("an attempt that has answered is not cut early") {
  TestAttempt run(cut_early());
  run.plan.may_replay = true;
  run.dial();
  run.worker.pass(seconds(4));
  run.backend->answer(kHints);
  run.worker.pass(seconds(60) - Duration(1));
  CHECK(run.said == "sending interim:103 ");
  run.worker.pass(Duration(1));
  CHECK(run.said == "sending interim:103 over ");
  CHECK_FALSE(run.outcome.was_cut);
}

TEST_CASE("the time of an attempt begins anew when bytes move") {
  TestAttempt run;
  run.dial();
  run.worker.pass(seconds(59));
  SUBCASE("of the request or the response") {
    run.attempt->restart_deadline();
  }
  SUBCASE("of a head") {
    run.backend->answer(kOk);
  }
  const std::string before = run.said;
  run.worker.pass(seconds(60) - Duration(1));
  CHECK(run.said == before);
  run.worker.pass(Duration(1));
  CHECK(run.said == before + "over ");
}

TEST_CASE("the time of an attempt does not count while the client is waited for") {
  TestAttempt run;
  run.is_client_slow = true;
  run.dial();
  run.worker.pass(seconds(60));
  run.worker.pass(seconds(60));
  CHECK(run.said == "sending ");
  run.is_client_slow = false;
  run.worker.pass(seconds(60) - Duration(1));
  CHECK(run.said == "sending ");
  run.worker.pass(Duration(1));
  CHECK(run.said == "sending over ");
}

// ---- how it fails

TEST_CASE("a connection that was used again and ends before it answers was stale") {
  for (const bool has_taken_nothing : {false, true}) {
    TestAttempt run;
    run.send_again();
    run.backend->taken_nothing = has_taken_nothing;
    run.backend->fail({.code = ErrorCode::closed, .message = "ended", .origin = Origin::upstream});
    CHECK(run.said == "sending over ");
    CHECK(run.outcome.error.message == "ended");
    CHECK(run.outcome.was_connected);
    CHECK(run.outcome.is_stale);
    CHECK(run.outcome.has_taken_nothing == has_taken_nothing);
  }
}

TEST_CASE("an attempt that fails in another way was not stale, whatever its backend has taken") {
  TestAttempt run;
  ErrorCode code = ErrorCode::closed;
  SUBCASE("its connection is new") {
    run.dial();
    run.backend->taken_nothing = true;
    run.backend->fail({.code = code});
  }
  SUBCASE("it has answered") {
    run.send_again();
    run.backend->taken_nothing = true;
    run.backend->answer(kHints);
    run.backend->fail({.code = code});
  }
  SUBCASE("it was late") {
    run.send_again();
    run.backend->taken_nothing = true;
    code = ErrorCode::timed_out;
    run.worker.pass(seconds(60));
  }
  CHECK(run.said.ends_with("over "));
  CHECK(run.outcome.error.code == code);
  CHECK_FALSE(run.outcome.is_stale);
  CHECK_FALSE(run.outcome.has_taken_nothing);
}

TEST_CASE("an attempt that gets no valid response says why") {
  TestAttempt run;
  run.dial();
  run.backend->fail({.code = ErrorCode::malformed, .message = "no head", .origin = Origin::upstream});
  CHECK(run.outcome.error.code == ErrorCode::malformed);
  CHECK(run.outcome.error.message == "no head");
  CHECK(run.outcome.was_connected);
}

// ---- its record and its end

TEST_CASE("the record of an attempt says when it began, and how") {
  for (const bool was_dialed : {true, false}) {
    TestAttempt run;
    const TimePoint began = run.worker.clock.now();
    if (was_dialed) {
      run.attempt->dial();
      run.worker.pass(seconds(1));
      run.accept();
    } else {
      run.send_again();
      run.worker.pass(seconds(1));
    }
    run.worker.pass(seconds(2));
    const AttemptRecord record = run.attempt->record(Cause::backend_closed, 204);
    CHECK(record.backend == TestWorker::address(0));
    CHECK(record.cause == Cause::backend_closed);
    CHECK(record.status == 204);
    CHECK(record.dialed == was_dialed);
    CHECK(record.began == began);
    CHECK(record.ended == began + seconds(3));
  }
}

TEST_CASE("an attempt that is dropped calls nothing back, and gives up its connection and its lease") {
  TestAttempt run;
  CHECK(run.worker.states[0]->in_flight() == 1);
  bool has_connection = true;
  SUBCASE("while it dials") {
    run.attempt->dial();
    has_connection = false;
  }
  SUBCASE("while it waits for a response") {
    run.dial();
  }
  SUBCASE("while its response is read") {
    run.dial();
    run.backend->answer(kOk);
  }
  const std::string before = run.said;
  run.attempt.reset();
  CHECK(run.worker.states[0]->in_flight() == 0);
  CHECK(run.worker.dialer.dialing() == "");
  if (has_connection) CHECK(run.to_backend->is_dropped);
  run.worker.pass(hours(1));
  CHECK(run.said == before);
}

TEST_CASE("a response may say that its backend drains, in the field that the pool has for it") {
  TestAttempt run({.pool = {.drain_header = {.name = "X-Drain"}}});
  run.dial();
  SUBCASE("it drains") {
    run.backend->answer("HTTP/1.1 200 OK\r\nx-drain: yes\r\nContent-Length: 0\r\n\r\n");
    CHECK(run.attempt->heed_drain_header(*run.answer));
    CHECK(run.attempt->is_last());
  }
  SUBCASE("it goes on") {
    run.backend->answer("HTTP/1.1 200 OK\r\nX-Drain: 0\r\nContent-Length: 0\r\n\r\n");
    CHECK(run.attempt->heed_drain_header(*run.answer));
    CHECK_FALSE(run.attempt->is_last());
  }
  SUBCASE("nothing") {
    run.backend->answer(kOk);
    CHECK_FALSE(run.attempt->heed_drain_header(*run.answer));
    CHECK_FALSE(run.attempt->is_last());
  }
}

TEST_CASE("how long a response took is measured where the balance goes by it, but not of an error") {
  for (const auto policy : {config::BalancePolicy::random_two, config::BalancePolicy::round_robin}) {
    for (const int status : {200, 500}) {
      CAPTURE(status);
      TestAttempt run({.pool = {.balance = {.policy = policy}}});
      run.dial();
      run.worker.pass(seconds(2));
      run.attempt->measure(status);
      const bool is_measured = policy == config::BalancePolicy::random_two && status == 200;
      CHECK((run.worker.members[0]->latency().at(run.worker.clock.now()) > 1) == is_measured);
    }
  }
}

TEST_CASE("an owner may drop the attempt in its last call") {
  TestAttempt run;
  run.drops = true;
  SUBCASE("which brings a response") {
    run.dial();
    run.backend->answer(kOk);
    CHECK(run.said == "sending head:200 ");
  }
  SUBCASE("which says that it failed") {
    run.dial();
    run.backend->fail({.code = ErrorCode::reset});
    CHECK(run.said == "sending over ");
  }
  SUBCASE("which says that it is late") {
    run.dial();
    run.worker.pass(seconds(60));
    CHECK(run.said == "sending over ");
  }
  SUBCASE("which says that it got no connection") {
    run.attempt->dial();
    run.worker.dialer.fail({.code = ErrorCode::refused});
    CHECK(run.said == "over ");
  }
  CHECK_FALSE(run.attempt);
  CHECK(run.worker.states[0]->in_flight() == 0);
}

}  // namespace
}  // namespace sluice::proxy
