// The attempts of one request: which of two goes on, and what failures leave behind for the next.
#include <sluice/proxy/attempts.h>
#include <sluice/proxy/request_body.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "proxy/login_connections.h"
#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Error upstream_error(ErrorCode code = ErrorCode::reset) {
  return {.code = code, .message = "broken", .origin = Origin::upstream};
}

TestSettings hedged(unsigned attempts = 3) {
  return {.pool = {.retry = {.attempts = attempts, .hedge = milliseconds(50)}}};
}

/// Attempts whose owner notes what becomes of them.
struct TestAttempts final : AttemptsOwner, RequestBodyOwner, LoginConnectionsOwner {
  explicit TestAttempts(TestSettings settings = {},
                        const std::string& request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      : worker(std::move(settings)), client(request) {
    worker.begin(flight, client);
    plan.logins = &logins;
    plan.may_replay = true;
    if (client.request().framing.has_body()) {
      plan.body = &body.emplace(flight, static_cast<RequestBodyOwner&>(*this));
    }
  }
  ~TestAttempts() { body.reset(); }

  void start() {
    auto lease = worker.pool->try_pick({.tried = attempts.tried()});
    REQUIRE(lease);
    attempts.start(*std::move(lease));
  }
  /// On a new connection.
  TestBackend* begin() {
    start();
    return worker.dialer.accept();
  }
  /// A connection to the first backend, which has served a request.
  TestBackend* rest() {
    const auto lease = upstream::Backend::lease(worker.members[0]);
    auto stream = worker.open_stream(0);
    TestBackend* const resting = worker.dialer.adopted();
    resting->reusable = true;
    worker.members[0]->connections().give_back(std::move(stream));
    return resting;
  }
  uint16_t port() const { return attempts.current()->address().port(); }
  bool was_tried(size_t backend) const {
    return std::ranges::find(attempts.tried(), worker.members[backend].get()) != attempts.tried().end();
  }

  void on_interim(const http::ResponseHead& head) override {
    said += "interim:" + std::to_string(head.status) + " ";
  }
  void on_head(const http::ResponseHead& head) override {
    said += "head:" + std::to_string(head.status) + " ";
  }
  void on_attempts_failed(const AttemptsFailure& how) override {
    said += how.is_final ? "lost " : "failed ";
    failed = how;
    attempts.drop_all();
  }
  bool waits_for_client() const override { return false; }
  void on_login_ended() override {}
  void on_body_moved() override {}
  void on_body_sent() override {}
  void on_body_refused(const Error&) override {}
  void on_body_lost(Cause, std::string_view) override {}

  TestWorker worker;
  TestClient client;
  InFlight flight;
  RequestPlan plan;
  LoginConnections logins{static_cast<LoginConnectionsOwner&>(*this)};
  std::optional<RequestBody> body;
  Attempts attempts{flight, plan, static_cast<AttemptsOwner&>(*this)};
  AttemptsFailure failed;
  std::string said;
};

TEST_CASE("an attempt that fails is learned from, and the next one goes elsewhere") {
  TestAttempts run;
  TestBackend* const first = run.begin();
  const uint16_t port = run.port();
  CHECK(run.attempts.version() == (port == 9001 ? "v1" : "v2"));
  CHECK(run.attempts.is_at(*run.worker.states[port - 9001U]));
  first->fail(upstream_error());
  CHECK(run.said == "failed ");
  CHECK(run.attempts.current() == nullptr);
  CHECK(run.attempts.version() == "");
  CHECK_FALSE(run.attempts.is_at(*run.worker.states[port - 9001U]));
  CHECK(run.was_tried(port - 9001U));
  run.begin()->answer(kAnswer);
  CHECK(run.port() != port);
  CHECK(run.said == "failed head:200 ");
  CHECK(run.flight.attempts == 2);
}

TEST_CASE("a backend whose answer broke a rule is named with the rule") {
  TestAttempts run;
  run.begin()->fail({.code = ErrorCode::malformed, .message = "two lengths", .origin = Origin::upstream});
  CHECK(run.flight.refused == "two lengths");
  CHECK(run.attempts.refused_by() == run.failed.cause);
  CHECK(run.said == "failed ");
}

TEST_CASE("after a connection that was used again has failed, the next attempt makes a new one") {
  TestAttempts run({.backends = 1});
  TestBackend* const resting = run.rest();
  run.start();
  REQUIRE(run.attempts.current()->stream() == resting);
  resting->fail(upstream_error(ErrorCode::closed));
  CHECK(run.said == "failed ");
  CHECK_FALSE(run.was_tried(0));  // The connection is to blame.
  run.rest();
  run.start();
  CHECK(run.attempts.current()->stream() == nullptr);
  CHECK(run.worker.dialer.dialing() == " 9001");
}

// ---- whether another may follow

const std::string kPost = "POST / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_CASE(
    "another attempt may follow one that has sent the request when it may be sent twice, and as often as "
    "set") {
  TestAttempts run({.pool = {.retry = {.attempts = 2}}});
  run.begin()->fail(upstream_error());
  CHECK(run.said == "failed ");
  CHECK(run.failed.cause == Cause::backend_closed);
  CHECK(run.flight.failed_at != nullptr);
  run.begin()->fail(upstream_error(ErrorCode::closed));
  CHECK(run.said == "failed lost ");
  CHECK(run.failed.cause == Cause::backend_closed);
  CHECK(run.flight.trace.count() == 2);
  CHECK(run.worker.tallies() == "retried shop v1 backend_closed=1 ");
}

TEST_CASE("no attempt follows one that has sent what may be done only once") {
  TestAttempts run({}, kPost);
  run.plan.may_replay = false;
  run.begin()->fail(upstream_error());
  CHECK(run.said == "lost ");
  CHECK(run.flight.failed_at == nullptr);
}

TEST_CASE("no attempt follows one that has taken all of the time") {
  TestAttempts run({.pool = {.timeouts = {.response = seconds(5)}}});
  run.begin();
  run.worker.pass(seconds(6));
  CHECK(run.said == "lost ");
  CHECK(run.failed.cause == Cause::backend_timeout);
}

TEST_CASE("a connection that its backend had closed costs no attempt and no budget") {
  TestAttempts run({.pool = {.retry = {.attempts = 2, .budget = 0, .budget_minimum = 0}}, .backends = 1},
                   kPost);
  TestBackend* const resting = run.rest();
  resting->taken_nothing = true;
  run.start();
  REQUIRE(run.attempts.current()->stream() == resting);
  run.plan.may_replay = false;
  resting->fail(upstream_error(ErrorCode::closed));
  CHECK(run.said == "failed ");
  CHECK(run.flight.attempts == 0);
}

TEST_CASE("a retry that the budget has nothing for is not made") {
  TestAttempts run({.pool = {.retry = {.budget = 0, .budget_minimum = 0}}});
  run.begin()->fail(upstream_error());
  CHECK(run.said == "lost ");
  CHECK(run.failed.cause == Cause::retry_budget);
}

TEST_CASE("a response that breaks once the client has begun to get it is cut") {
  TestAttempts run;
  TestBackend* const backend = run.begin();
  backend->answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  run.flight.status = 200;
  run.client.status = 200;
  run.attempts.fail({.error = upstream_error(ErrorCode::closed), .was_connected = true});
  CHECK(run.said == "head:200 lost ");
  CHECK(run.failed.cause == Cause::backend_incomplete);
  CHECK(run.failed.received_status == 200);
  CHECK(run.worker.tallies() == "cut shop v1 backend_incomplete=1 ");
}

TEST_CASE("connects that fail cost no attempt, until the pool's time for waiting is over") {
  TestAttempts run({.pool = {.queue = {.timeout = seconds(3)}, .timeouts = {.connect = seconds(2)}}}, kPost);
  run.plan.may_replay = false;
  run.start();
  run.worker.pass(seconds(1));
  run.worker.dialer.fail(upstream_error(ErrorCode::refused));
  CHECK(run.said == "failed ");
  CHECK(run.flight.attempts == 0);
  CHECK(run.was_tried(0) != run.was_tried(1));
  run.start();
  run.worker.pass(seconds(2));
  CHECK(run.said == "failed lost ");
  CHECK(run.failed.cause == Cause::connect_timeout);
  CHECK(run.flight.waited >= seconds(3));
}

TEST_CASE("when this process has no descriptor left no backend is to blame") {
  TestAttempts run;
  run.start();
  run.worker.dialer.fail(upstream_error(ErrorCode::exhausted));
  CHECK(run.said == "lost ");
  CHECK(run.failed.cause == Cause::no_descriptors);
  CHECK_FALSE(run.was_tried(0));
  CHECK_FALSE(run.was_tried(1));
}

// ---- two at a time

TEST_CASE("a hedge goes to another backend, and the first of the two to answer goes on alone") {
  for (const bool second_wins : {false, true}) {
    CAPTURE(second_wins);
    TestAttempts run(hedged());
    TestBackend* const first = run.begin();
    const auto to_first = first->sink.taken();
    const uint16_t port = run.port();
    run.worker.pass(milliseconds(49));
    CHECK(run.worker.dialer.dialing() == "");
    run.worker.pass(milliseconds(2));
    REQUIRE(run.worker.dialer.dialing() == (port == 9001 ? " 9002" : " 9001"));
    TestBackend* const second = run.worker.dialer.accept();
    const auto to_second = second->sink.taken();
    CHECK(to_second->head == to_first->head);
    CHECK(run.attempts.is_at(*run.worker.states[0]));
    CHECK(run.attempts.is_at(*run.worker.states[1]));
    CHECK(run.port() == port);
    (second_wins ? second : first)->answer(kAnswer);
    CHECK(run.said == "head:200 ");
    CHECK((run.port() != port) == second_wins);
    CHECK(to_first->is_dropped == second_wins);
    CHECK(to_second->is_dropped != second_wins);
    CHECK(run.flight.attempts == 2);
    CHECK(run.worker.tallies() == std::string("retried shop ") + (port == 9001 ? "v1" : "v2") + " hedged=1 ");
  }
}

TEST_CASE("of two attempts one may fail, and the request loses nothing") {
  for (const bool second_fails : {false, true}) {
    TestAttempts run(hedged());
    TestBackend* const first = run.begin();
    const uint16_t port = run.port();
    run.worker.pass(milliseconds(51));
    TestBackend* const second = run.worker.dialer.accept();
    (second_fails ? second : first)->fail(upstream_error());
    CHECK(run.said == "");
    CHECK((run.port() == port) == second_fails);
    (second_fails ? first : second)->answer(kAnswer);
    CHECK(run.said == "head:200 ");
    CHECK(run.flight.attempts == 2);
  }
}

TEST_CASE("a hedge that gets no connection does not count") {
  TestAttempts run(hedged());
  TestBackend* const first = run.begin();
  run.worker.pass(milliseconds(51));
  CHECK(run.flight.attempts == 2);
  run.worker.dialer.fail(upstream_error(ErrorCode::refused));
  CHECK(run.flight.attempts == 1);
  CHECK(run.worker.tallies() == "");
  first->answer(kAnswer);
  CHECK(run.said == "head:200 ");
}

TEST_CASE("an interim response settles which of two goes on") {
  TestAttempts run(hedged());
  TestBackend* const first = run.begin();
  run.worker.pass(milliseconds(51));
  const auto to_second = run.worker.dialer.accept()->sink.taken();
  first->answer("HTTP/1.1 103 Early Hints\r\n\r\n");
  CHECK(to_second->is_dropped);
  first->answer(kAnswer);
  CHECK(run.said == "interim:103 head:200 ");
}

TEST_CASE("a request is hedged only where two deliveries are as good as one") {
  TestSettings settings = hedged();
  std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  bool logs_in = false;
  bool answers = false;
  std::string_view upgrade;
  SUBCASE("not with a body") {
    request = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  }
  SUBCASE("not when its method is not idempotent") {
    request = "POST / HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  SUBCASE("not when it logs its connection in") {
    logs_in = true;
  }
  SUBCASE("not when it asks for another protocol") {
    upgrade = "websocket";
  }
  SUBCASE("not for a client that sticks to a backend") {
    settings.pool.balance.policy = config::BalancePolicy::sticky_cookie;
  }
  SUBCASE("not when no attempt is left") {
    settings.pool.retry.attempts = 1;
  }
  SUBCASE("not at the only backend") {
    settings.backends = 1;
  }
  SUBCASE("not once the first one answers") {
    answers = true;
  }
  TestAttempts run(std::move(settings), request);
  run.plan.logs_in = logs_in;
  run.plan.upgrade = upgrade;
  TestBackend* const first = run.begin();
  if (answers) first->answer("HTTP/1.1 103 Early Hints\r\n\r\n");
  run.worker.pass(seconds(1));
  CHECK(run.worker.dialer.dialing() == "");
  CHECK(run.flight.attempts == 1);
}

}  // namespace
}  // namespace sluice::proxy
