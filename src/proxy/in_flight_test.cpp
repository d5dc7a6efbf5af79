// A request on its way: by which rules it goes, what is counted until it ends, and that the next request
// finds nothing of it.
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own

#include <memory>
#include <string>
#include <utility>

#include "proxy/test_in_flight.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

const std::string kHeadWithId = "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: the-client's\r\n\r\n";

config::Config with_fields(const std::string& route) {
  config::Config config;
  config.routes.push_back(
      {.name = route, .strip_path = true, .response_fields = {.add = {{"X-Route", route}}}, .pool = "shop"});
  return config;
}

// ---- what is counted on the way

TEST_CASE("a retry is counted once the next attempt begins, at the version that failed") {
  TestRequest run;
  run.flight.note_retry(Cause::connect_refused, "v1");
  CHECK(run.worker.tallies() == "");
  CHECK(run.worker.counters.retries.get() == 0);
  run.flight.count_retry();
  CHECK(run.worker.tallies() == "retried shop v1 connect_refused=1 ");
  CHECK(run.worker.counters.retries.get() == 1);
  CHECK(run.flight.failed_at == nullptr);
  run.flight.note_retry(Cause::backend_timeout, "v2");
  run.flight.count_retry();
  CHECK(run.worker.tallies() == "retried shop v1 connect_refused=1 retried shop v2 backend_timeout=1 ");
  CHECK(run.worker.counters.retries.get() == 2);
}

TEST_CASE("a wait is counted when it is over, and its time adds to that of others") {
  TestRequest run;
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(40);
  CHECK(run.worker.tallies() == "");
  run.flight.wait_over(Cause::ok, "v1");
  run.pass(100);
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(2);
  run.flight.wait_over(Cause::ok, "v2");
  CHECK(run.worker.tallies() == "held shop v1 ok=1 held shop v2 ok=1 ");
  CHECK(run.flight.trace.held() == Duration(42));
  CHECK(run.flight.trace.waits() == 2);
}

TEST_CASE("an attempt that is under way counts as begun") {
  TestRequest run;
  CHECK(run.flight.attempts_begun() == 0);
  run.begin_attempt(0);
  CHECK(run.flight.attempts_begun() == 1);
  run.end_attempt(Cause::backend_closed);
  CHECK(run.flight.attempts_begun() == 1);
  run.begin_attempt(1);
  CHECK(run.flight.attempts_begun() == 2);
}

// ---- its id

TEST_CASE("a request keeps the id of a client that is trusted, and gets a new one else") {
  TestRequest run({}, kHeadWithId);
  SUBCASE("a trusted client") {
    run.flight.is_trusted_client = true;
    run.flight.choose_request_id();
    CHECK(run.flight.request_id == "the-client's");
  }
  SUBCASE("any other") {
    run.flight.choose_request_id();
    CHECK(run.flight.request_id.size() == 32);
    CHECK(run.flight.request_id.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("a trusted client that gives no id gets one, and no two are the same") {
  TestRequest run;
  InFlight other;
  run.worker.begin(other, run.client);
  run.flight.is_trusted_client = other.is_trusted_client = true;
  run.flight.choose_request_id();
  other.choose_request_id();
  CHECK(run.flight.request_id.size() == 32);
  CHECK(run.flight.request_id != other.request_id);
}

TEST_CASE("no request has an id when the configuration says so, whatever the client gives") {
  TestRequest run({.config = {.forwarding = {.say_request_id = false}}}, kHeadWithId);
  run.flight.is_trusted_client = true;
  run.flight.choose_request_id();
  CHECK(run.flight.request_id == "");
}

TEST_CASE("a request that moves keeps the id that it got elsewhere") {
  TestRequest run({}, kHeadWithId);
  for (const std::string id : {"the-client's", "0123456789abcdef0123456789abcdef", ""}) {
    auto lent = std::make_unique<std::string>(id);
    run.flight.take_request_id(*lent);
    lent.reset();
    CHECK(run.flight.request_id == id);
  }
}

// ---- generations

TEST_CASE("a request is inside its generation until it is cleared") {
  TestRequest run;
  Generation& generation = *run.worker.generation.shared;
  CHECK(generation.in_flight() == 1);
  CHECK(run.flight.number == 7);
  run.end(Cause::ok);
  CHECK(generation.in_flight() == 1);
  run.flight.clear();
  CHECK(generation.in_flight() == 0);
}

TEST_CASE("a request outlives its generation with the route and the rules that it began with") {
  TestRequest run;
  run.flight.clear();
  auto old = std::make_unique<LocalGeneration>();
  run.worker.adopt(*old, 8, with_fields("old"));
  run.flight.begin(run.worker.context, run.client, *old, 0);
  run.flight.follow(0);
  const std::weak_ptr<Generation> gone = old->shared;

  config::Config next = with_fields("next");
  next.timeouts.tunnel = Duration(5);
  LocalGeneration newest;
  run.worker.adopt(newest, 9, std::move(next));
  run.flight.outlive_generation(newest, 0);
  CHECK(gone.lock()->in_flight() == 0);
  CHECK(newest.shared->in_flight() == 1);
  old.reset();
  CHECK(gone.expired());
  CHECK(run.flight.route->name == "old");
  CHECK(run.flight.rules->response.added.lines() == "X-Route: old\r\n");
  CHECK(run.flight.config().timeouts.tunnel == Duration(5));
  CHECK(run.flight.number == 8);

  LocalGeneration later;
  run.worker.adopt(later, 10, with_fields("later"));
  run.flight.outlive_generation(later, 0);
  CHECK(newest.shared->in_flight() == 0);
  CHECK(later.shared->in_flight() == 1);
  CHECK(run.flight.route->name == "old");
  CHECK(run.flight.rules->response.added.lines() == "X-Route: old\r\n");
  CHECK(run.flight.number == 8);
  run.flight.clear();
}

TEST_CASE("a request that has no route yet outlives its generation without one") {
  TestRequest run;
  run.flight.clear();
  run.flight.begin(run.worker.context, run.client, run.worker.generation, 0);
  LocalGeneration newest;
  run.worker.adopt(newest, 8, with_fields("next"));
  run.flight.outlive_generation(newest, 0);
  CHECK(run.flight.route == nullptr);
  CHECK(run.worker.generation.shared->in_flight() == 0);
  run.flight.follow(0);
  CHECK(run.flight.route->name == "next");
  run.flight.clear();
}

// ---- the next request

TEST_CASE("the next request finds nothing of the last one") {
  const std::string listener = "public";
  TestRequest run({}, kHeadWithId);
  run.flight.listener = &listener;
  run.flight.is_trusted_client = true;
  run.flight.choose_request_id();
  run.flight.trace.wait_begins(run.worker.clock.now());
  run.pass(30);
  run.flight.wait_over(Cause::ok, "v1");
  run.begin_attempt(0);
  run.end_attempt(Cause::backend_malformed);
  run.begin_attempt(1);
  run.flight.trace.response_came(5);
  run.flight.refused = "two lengths";
  run.flight.status = 200;
  run.flight.sent = run.flight.received = 9;
  run.flight.attempts = 4;
  LocalGeneration newest;
  run.worker.adopt(newest, 8, with_fields("next"));
  run.flight.outlive_generation(newest, 0);
  run.flight.note_retry(Cause::backend_malformed, "v1");
  run.end(Cause::backend_malformed);
  run.flight.clear();
  CHECK(newest.shared->in_flight() == 0);
  CHECK(run.flight.failed_at == nullptr);

  TestClient client("GET /next HTTP/1.1\r\nHost: h\r\nX-Request-Id: not trusted\r\n\r\n");
  run.flight.begin(run.worker.context, client, run.worker.generation, 0);
  run.flight.started = run.worker.clock.now();
  CHECK(run.flight.attempts_begun() == 0);
  CHECK(run.flight.route == nullptr);
  CHECK(run.flight.rules == nullptr);
  CHECK(run.flight.settings == nullptr);
  CHECK_FALSE(run.flight.has_ended);
  run.flight.choose_request_id();
  const std::string id(run.flight.request_id);
  CHECK(id.size() == 32);
  run.end(Cause::no_route);
  const RequestRecord kept = run.record();
  CHECK(kept.pool() == "");
  CHECK(kept.refused() == "");
  CHECK(kept.waits == 0);
  CHECK(kept.held == Duration::zero());
  CHECK(kept.response_fields == 0);
  CHECK(kept.attempts == 0);
  CHECK(kept.kept == 0);
  CHECK(run.lines().back() ==
        R"({"client":"192.0.2.1","request":"GET /next HTTP/1.1","host":"h","status":0,)"
        R"("disposition":"no_route","reason":"no_route","sent":0,"received":0,"ms":0,"attempts":0,)"
        R"("generation":7,"request_id":")" +
            id + R"("})");
}

TEST_CASE("a request that follows the copy of a route gets its own route next") {
  TestRequest run;
  LocalGeneration newest;
  run.worker.adopt(newest, 8, with_fields("next"));
  run.flight.outlive_generation(newest, 0);
  run.flight.clear();
  run.flight.begin(run.worker.context, run.client, newest, 0);
  run.flight.follow(0);
  LocalGeneration later;
  run.worker.adopt(later, 9, with_fields("later"));
  run.flight.outlive_generation(later, 0);
  CHECK(run.flight.route != &newest.shared->config().routes[0]);
  CHECK(run.flight.route->name == "next");
  CHECK(run.flight.rules->response.added.lines() == "X-Route: next\r\n");
  run.flight.clear();
}

}  // namespace
}  // namespace sluice::proxy
