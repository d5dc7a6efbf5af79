// What a request that has ended leaves behind: one disposition, tallies, an access line and a recent record.
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own

#include <string>

#include "proxy/test_in_flight.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using upstream::HealthState;

// ---- counters

TEST_CASE("a request that ends is counted in exactly one disposition") {
  struct Case {
    Cause cause;
    std::string counted;
  };
  for (const Case& each : {
           Case{Cause::ok, "ok=1 "},
           Case{Cause::tunnel_drained, "ok=1 "},
           Case{Cause::fixed_response, "ok=1 "},
           Case{Cause::bad_request, "bad_request=1 "},
           Case{Cause::head_too_large, "bad_request=1 "},
           Case{Cause::client_timeout, "client_timeout=1 "},
           Case{Cause::no_route, "no_route=1 "},
           Case{Cause::queue_timeout, "unavailable=1 "},
           Case{Cause::connect_refused, "unavailable=1 "},
           Case{Cause::backend_closed, "backend_error=1 "},
           Case{Cause::retry_budget, "backend_error=1 "},
           Case{Cause::client_gone, "client_abort=1 "},
           Case{Cause::stopped, "stopped=1 "},
       }) {
    TestRequest run;
    run.end(each.cause);
    CHECK(run.worker.ended() == each.counted);
    CHECK(run.flight.has_ended);
    CHECK(run.flight.cause == each.cause);
  }
}

TEST_CASE("a request that did not end well is counted at its pool and at the version of its backend") {
  TestRequest run;
  SUBCASE("it went well") {
    run.flight.end({.cause = Cause::ok, .version = "v1", .is_cut = true});
    CHECK(run.worker.tallies() == "");
  }
  SUBCASE("a backend failed") {
    run.flight.end({.cause = Cause::backend_closed, .version = "v2"});
    CHECK(run.worker.tallies() == "failed shop v2 backend_closed=1 ");
  }
  SUBCASE("it had no backend") {
    run.flight.end({.cause = Cause::queue_full});
    CHECK(run.worker.tallies() == "failed shop - queue_full=1 ");
  }
  SUBCASE("it had no pool") {
    run.flight.pool.reset();
    run.flight.end({.cause = Cause::no_route});
    CHECK(run.worker.tallies() == "failed - - no_route=1 ");
  }
  SUBCASE("its client left") {
    run.flight.end({.cause = Cause::client_gone, .version = "v1"});
    CHECK(run.worker.tallies() == "");
  }
}

TEST_CASE("a response that had begun is cut when its backend or the process breaks it off, not its client") {
  TestRequest run;
  SUBCASE("the backend") {
    run.flight.end({.cause = Cause::backend_incomplete, .version = "v1", .is_cut = true});
    CHECK(run.worker.tallies() == "cut shop v1 backend_incomplete=1 failed shop v1 backend_incomplete=1 ");
  }
  SUBCASE("the process") {
    run.flight.end({.cause = Cause::stopped, .version = "v1", .is_cut = true});
    CHECK(run.worker.tallies() == "cut shop v1 stopped=1 failed shop v1 stopped=1 ");
  }
  SUBCASE("a client that takes nothing") {
    run.flight.end({.cause = Cause::client_timeout, .version = "v1", .is_cut = true});
    CHECK(run.worker.tallies() == "failed shop v1 client_timeout=1 ");
  }
  SUBCASE("a client that left") {
    run.flight.end({.cause = Cause::client_gone, .version = "v1", .is_cut = true});
    CHECK(run.worker.tallies() == "");
  }
}

TEST_CASE("a request that ends while it waits for a backend was held until then") {
  TestRequest run;
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(40);
  SUBCASE("too long") {
    run.end(Cause::queue_timeout);
    CHECK(run.worker.tallies() == "held shop - queue_timeout=1 failed shop - queue_timeout=1 ");
  }
  SUBCASE("for a client that left") {
    run.end(Cause::client_gone);
    CHECK(run.worker.tallies() == "held shop - client_gone=1 ");
  }
  CHECK_FALSE(run.flight.trace.is_waiting());
  CHECK(run.line().find(R"("held_ms":40)") != std::string::npos);
}

// ---- the access line

TEST_CASE("the access line of a request to which nothing happened") {
  TestRequest run;
  const std::string listener = "public";
  run.flight.listener = &listener;
  run.flight.choose_request_id();
  const std::string id(run.flight.request_id);
  run.pass(2);
  run.begin_attempt(0);
  run.pass(5);
  run.flight.status = 200;
  run.flight.sent = 12;
  run.flight.received = 3;
  run.end(Cause::ok);
  CHECK(
      run.line() ==
      R"({"client":"192.0.2.1","request":"GET /cart?id=7 HTTP/1.1","host":"shop.example","status":200,)"
      R"("disposition":"ok","reason":"ok","sent":12,"received":3,"ms":7,"backend_ms":5,"listener":"public",)"
      R"("route":"web","pool":"shop","backend":"192.0.2.9:9001","attempts":1,"generation":7,"request_id":")" +
          id + R"("})");
}

TEST_CASE("the access line of a request that found no backend") {
  TestRequest run;
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(30);
  run.flight.wait_over(Cause::ok, "v1");
  run.begin_attempt(0);
  run.pass(4);
  run.end_attempt(Cause::connect_refused);
  run.begin_attempt(1);
  run.pass(6);
  run.end_attempt(Cause::connect_timeout);
  run.flight.status = 503;
  run.end(Cause::connect_timeout);
  CHECK(
      run.line() ==
      R"({"client":"192.0.2.1","request":"GET /cart?id=7 HTTP/1.1","host":"shop.example","status":503,)"
      R"("disposition":"unavailable","reason":"connect_timeout","sent":0,"received":0,"ms":40,"held_ms":30,)"
      R"("backend_ms":6,"route":"web","pool":"shop","backend":"192.0.2.9:9002","attempts":2,"generation":7})");
}

TEST_CASE("the access line of a request without a route has nothing of a pool or a backend") {
  TestRequest run;
  run.flight.clear();
  run.flight.begin(run.worker.context, run.client, run.worker.generation, 0);
  run.flight.started = run.worker.clock.now();
  run.flight.status = 404;
  run.end(Cause::no_route);
  CHECK(run.line() ==
        R"({"client":"192.0.2.1","request":"GET /cart?id=7 HTTP/1.1","host":"shop.example","status":404,)"
        R"("disposition":"no_route","reason":"no_route","sent":0,"received":0,"ms":0,"attempts":0,)"
        R"("generation":7})");
}

TEST_CASE("on a connection that was there a backend's time counts from the request") {
  TestRequest run;
  run.flight.trace.attempt_begins();
  run.pass(20);
  run.flight.sent_at = run.worker.clock.now();
  run.pass(3);
  run.end(Cause::ok);
  CHECK(run.line().find(R"("ms":23,"backend_ms":3,)") != std::string::npos);
}

TEST_CASE("attempts that another process made count in the access line") {
  TestRequest run;
  run.flight.attempts = 3;
  run.end(Cause::tunnel);
  CHECK(run.line().find(R"("attempts":3,)") != std::string::npos);
}

TEST_CASE("the access line has the client in front of proxies that are trusted, and of no others") {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n\r\n";
  TestRequest run({.config = {.forwarding = {.trusted_proxies = {*Network::parse("192.0.2.0/24")}}}}, head);
  run.flight.is_trusted_client = true;
  run.end(Cause::ok);
  CHECK(run.line().find(R"("client":"198.51.100.7")") != std::string::npos);
  TestRequest other({}, head);
  other.end(Cause::ok);
  CHECK(other.line().find(R"("client":"192.0.2.1")") != std::string::npos);
}

TEST_CASE("a request that found no healthy backend has what a probe was answered") {
  TestRequest run;
  const std::string probe = R"("probe":"192.0.2.9:9002: GET /ping: 404")";
  for (const auto& state : run.worker.states) state->set_health(HealthState::down);
  run.worker.states[1]->set_probe_answer("GET /ping: 404");
  bool is_expected = false;
  SUBCASE("and it failed for that") {
    run.end(Cause::queue_timeout);
    is_expected = true;
  }
  SUBCASE("unless it failed for another reason") {
    run.end(Cause::backend_closed);
  }
  SUBCASE("unless a backend is healthy") {
    run.worker.states[0]->set_health(HealthState::healthy);
    run.end(Cause::queue_timeout);
  }
  SUBCASE("unless the pool is paused") {
    auto paused = std::make_shared<config::Pool>(*run.worker.pool->config());
    paused->pause = config::Pause::until_resumed;
    run.worker.pool->update(paused, run.worker.members);
    run.end(Cause::queue_timeout);
  }
  CHECK((run.line().find(probe) != std::string::npos) == is_expected);
}

// ---- the recent record

TEST_CASE("a request that has ended is found by its id") {
  TestRequest run;
  run.flight.choose_request_id();
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(30);
  run.flight.wait_over(Cause::ok, "v1");
  run.begin_attempt(0);
  run.pass(4);
  run.end_attempt(Cause::backend_malformed, 200);
  run.flight.refused = "two lengths";
  run.begin_attempt(1);
  run.flight.trace.response_came(5);
  run.pass(6);
  run.flight.status = 201;
  run.flight.sent = 12;
  run.flight.received = 3;
  run.end(Cause::ok);

  const RequestRecord kept = run.record();
  CHECK(kept.request() == "GET /cart");
  CHECK(kept.client() == "192.0.2.1");
  CHECK(kept.pool() == "shop");
  CHECK(kept.generation == 7);
  CHECK(kept.cause == Cause::ok);
  CHECK(kept.status == 201);
  CHECK(kept.sent == 12);
  CHECK(kept.received == 3);
  CHECK(kept.ended - kept.began == Duration(40));
  CHECK(kept.held == Duration(30));
  CHECK(kept.waits == 1);
  CHECK(kept.refused() == "two lengths");
  CHECK(kept.response_fields == 5);
  CHECK(kept.attempts == 2);
  REQUIRE(kept.kept == 2);
  CHECK(kept.attempt[0].backend == TestWorker::address(0));
  CHECK(kept.attempt[0].cause == Cause::backend_malformed);
  CHECK(kept.attempt[0].status == 200);
  CHECK(kept.attempt[0].dialed);
  CHECK(kept.attempt[0].ended - kept.attempt[0].began == Duration(4));
  CHECK(kept.attempt[1].backend == TestWorker::address(1));  // That was under way.
  CHECK(kept.attempt[1].cause == Cause::ok);
  CHECK(kept.attempt[1].status == 201);
  CHECK(kept.attempt[1].ended - kept.attempt[1].began == Duration(6));
}

TEST_CASE("a request without an id leaves no record") {
  TestRequest run;
  run.end(Cause::backend_closed);
  CHECK(run.worker.context.recent.newest_notable(9, RecentRequests::Which::failed, {}, {}).empty());
}

TEST_CASE("a request is notable when it failed, waited, was tried again or was slow") {
  TestRequest run({.config = {.recent_requests = {.notable = 9, .others = 0, .slow = Duration(1000)}}});
  run.flight.choose_request_id();
  size_t kept = 1;
  SUBCASE("it failed") {
    run.end(Cause::queue_full);
  }
  SUBCASE("its client left") {
    run.end(Cause::client_gone);
  }
  SUBCASE("it waited") {
    run.flight.trace.wait_begins(run.worker.clock.now());
    run.flight.wait_over(Cause::ok, "v1");
    run.end(Cause::ok);
  }
  SUBCASE("an attempt failed") {
    run.begin_attempt(0);
    run.end_attempt(Cause::backend_closed);
    run.begin_attempt(1);
    run.end(Cause::ok);
  }
  SUBCASE("it was slow") {
    run.pass(1000);
    run.end(Cause::ok);
  }
  SUBCASE("nothing of that") {
    run.begin_attempt(0);
    run.pass(999);
    run.end(Cause::ok);
    kept = 0;
  }
  CHECK(run.worker.context.recent.find(run.flight.request_id, 9).size() == kept);
}

}  // namespace
}  // namespace sluice::proxy
