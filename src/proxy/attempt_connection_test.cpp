// Which connection an attempt gets, and what becomes of it.
#include <sluice/http/proxy_protocol.h>
#include <sluice/proxy/attempt.h>

#include <string>

#include "proxy/test_attempt.h"
#include "proxy/tunnel.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Attempt::Reuse kAny{.may_be_repeated = true};
const std::string kEmptyOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kAsksForNtlm =
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";

/// The head of a response that says so of its connection.
http::ResponseHead keep_alive(const std::string& value) {
  http::ResponseHead head;
  const std::string text = "HTTP/1.1 200 OK\r\nKeep-Alive: " + value + "\r\nContent-Length: 0\r\n\r\n";
  REQUIRE(http::HeadDecoder(http::HeadDecoder::Of::response, {}).decode(text, head, false));
  return head;
}

/// A login's connection rests for the client of this test.
bool has_login(const TestAttempt& run) {
  return run.logins.backend_in(*run.worker.pool) != nullptr;
}

// ---- an open one

TEST_CASE("an attempt takes a connection that is open") {
  TestAttempt run({.pool = {.timeouts = {.idle = hours(2)}}});
  CHECK(run.attempt->stream() == nullptr);
  TestBackend* const resting = run.rest(hours(1));
  CHECK(run.attempt->take_connection(kAny));
  CHECK(run.attempt->stream() == resting);
  CHECK_FALSE(resting->is_parked);
  CHECK(run.connections().idle() == 0);
  CHECK_FALSE(run.attempt->is_clients_own());
  CHECK(run.attempt->dialed() == TimePoint());
  CHECK(run.said == "");
  run.worker.pass(seconds(1));
  run.attempt->send();
  CHECK(run.said == "sending ");
  CHECK(resting->sink.taken()->head.starts_with("GET /cart HTTP/1.1\r\nHost: shop.example\r\n"));
  CHECK(run.attempt->sent() == run.worker.clock.now());
  CHECK(run.worker.dialer.dialing() == "");
}

TEST_CASE("an attempt takes no open connection where none will do") {
  TestSettings settings;
  Attempt::Reuse reuse = kAny;
  size_t resting = 1;
  SUBCASE("there is none") {
    resting = 0;
  }
  SUBCASE("it wants a new one") {
    reuse.fresh_only = true;
  }
  SUBCASE("each speaks for one client") {
    settings.pool.proxy_protocol = config::ProxyProtocol::v1;
  }
  TestAttempt run(settings);
  if (resting > 0) run.rest();
  CHECK_FALSE(run.attempt->take_connection(reuse));
  CHECK(run.attempt->stream() == nullptr);
  CHECK(run.connections().idle() == resting);
}

TEST_CASE("a request that may be sent only once takes a connection that can be trusted") {
  struct Case {
    Duration idle;
    bool is_stale;
    bool is_taken;
  };
  for (const Case each : {Case{seconds(3), false, true}, Case{seconds(3) + Duration(1), false, false},
                          Case{seconds(1), true, false}}) {
    for (const bool may_be_repeated : {false, true}) {
      TestAttempt run({.pool = {.retry = {.trust_idle = seconds(3)}}});
      run.rest(each.idle)->stale = each.is_stale;
      CHECK(run.attempt->take_connection({.may_be_repeated = may_be_repeated}) ==
            (each.is_taken || may_be_repeated));
    }
  }
}

// ---- a client's own

TEST_CASE("a connection on which the client has logged in comes first") {
  TestAttempt run;
  run.rest();
  TestBackend* const own = run.rest_with_login();
  Attempt::Reuse reuse = kAny;
  bool is_taken = true;
  SUBCASE("of any") {}
  SUBCASE("even when a new one is wanted") {
    reuse.fresh_only = true;
  }
  SUBCASE("also for a request that may be sent only once") {
    reuse.may_be_repeated = false;
  }
  SUBCASE("but not where the client's own will not do") {
    reuse.with_login = false;
    is_taken = false;
  }
  CHECK(run.attempt->take_connection(reuse));
  CHECK((run.attempt->stream() == own) == is_taken);
  CHECK(run.attempt->is_clients_own() == is_taken);
  CHECK(run.connections().idle() == (is_taken ? 1 : 0));
  CHECK(own->is_parked == !is_taken);
}

TEST_CASE("a login's connection that may be about to end is not for what may be sent only once") {
  for (const bool may_be_repeated : {false, true}) {
    TestAttempt run;
    run.connections().heed(keep_alive("timeout=5"));
    run.rest_with_login(seconds(4));
    CHECK(run.attempt->take_connection({.may_be_repeated = may_be_repeated}) == may_be_repeated);
  }
}

TEST_CASE("a login at another backend is of no use") {
  TestAttempt run;
  run.rest_with_login();
  run.begin(run.worker.members[1]);
  CHECK_FALSE(run.attempt->take_connection(kAny));
  CHECK(has_login(run));
}

TEST_CASE("a client without logins has none") {
  TestAttempt run;
  run.plan.logins = nullptr;
  run.rest();
  CHECK(run.attempt->take_connection(kAny));
  CHECK_FALSE(run.attempt->is_clients_own());
}

// ---- a new one

TEST_CASE("an attempt dials its backend, and sends the request once it has a connection") {
  TestAttempt run;
  run.worker.pass(seconds(1));
  run.attempt->dial();
  CHECK(run.worker.dialer.dialing() == " 9001");
  CHECK(run.attempt->dialed() == run.worker.clock.now());
  CHECK(run.attempt->stream() == nullptr);
  CHECK(run.said == "");
  run.worker.pass(seconds(1));
  run.accept();
  CHECK(run.said == "sending ");
  CHECK(run.attempt->stream() == run.backend);
  CHECK(run.attempt->sent() == run.worker.clock.now());
  CHECK(run.attempt->dialed() == run.worker.clock.now() - seconds(1));
  CHECK(run.to_backend->head.starts_with("GET /cart HTTP/1.1\r\n"));
}

TEST_CASE("a backend gets the client's address before anything else where its pool says so") {
  for (const auto version : {config::ProxyProtocol::v1, config::ProxyProtocol::v2}) {
    TestAttempt run({.pool = {.proxy_protocol = version}});
    run.dial();
    const auto& peer = run.client.client();
    const std::string header = version == config::ProxyProtocol::v1
                                   ? "PROXY TCP4 192.0.2.1 0.0.0.0 40000 0\r\n"
                                   : http::proxy_header_v2(peer.address, peer.local);
    CHECK(run.to_backend->head.starts_with(header + "GET /cart HTTP/1.1\r\n"));
  }
}

TEST_CASE("a backend that is not there ends the attempt before anything was sent") {
  TestAttempt run({.pool = {.timeouts = {.connect = seconds(3)}}});
  run.is_client_slow = true;  // That is no excuse here.
  run.attempt->dial();
  ErrorCode code = ErrorCode::timed_out;
  SUBCASE("it refuses") {
    code = ErrorCode::refused;
    run.worker.dialer.fail({.code = code, .message = "no", .origin = Origin::upstream});
  }
  SUBCASE("it says nothing for too long") {
    run.worker.pass(seconds(3) - Duration(1));
    CHECK(run.said == "");
    run.worker.pass(Duration(1));
  }
  CHECK(run.said == "over ");
  CHECK(run.outcome.error.code == code);
  CHECK_FALSE(run.outcome.was_connected);
  CHECK_FALSE(run.outcome.is_stale);
  CHECK_FALSE(run.outcome.has_taken_nothing);
  run.worker.pass(hours(1));
  CHECK(run.said == "over ");
}

// ---- back for the next request

TEST_CASE("a connection goes back to its backend once its response has been read") {
  TestAttempt run({.pool = {.timeouts = {.idle = hours(2)}}});
  run.dial();
  run.finish(kEmptyOk);
  CHECK(run.connections().idle() == 1);
  CHECK(run.backend->is_parked);
  CHECK_FALSE(has_login(run));
  CHECK(run.worker.states[0]->in_flight() == 1);
  run.worker.pass(hours(1));
  run.attempt.reset();
  CHECK(run.worker.states[0]->in_flight() == 0);
  CHECK(run.connections().idle() == 1);
  CHECK(run.said == "sending head:200 ");
}

TEST_CASE("a connection that is not to be kept is closed") {
  TestAttempt run;
  run.plan.logs_in = true;
  run.dial();
  run.finish(kEmptyOk, false);
  CHECK(run.to_backend->is_dropped);
  CHECK(run.connections().idle() == 0);
  CHECK_FALSE(has_login(run));
}

TEST_CASE("a connection that speaks for its client is kept for that client alone") {
  TestAttempt run;
  std::string response = kEmptyOk;
  SUBCASE("since the request logs in") {
    run.plan.logs_in = true;
    run.dial();
  }
  SUBCASE("since the response asks for that") {
    response = kAsksForNtlm;
    run.dial();
  }
  SUBCASE("since it has been the client's before") {
    run.backend = run.rest_with_login();
    run.attempt->take_connection(kAny);
    run.attempt->send();
  }
  run.finish(response);
  CHECK(has_login(run));
  CHECK(run.connections().idle() == 0);
  run.attempt.reset();
  CHECK(run.backend->is_parked);
}

TEST_CASE("a connection that speaks for a client is closed where none is kept for it") {
  TestSettings settings;
  bool has_place = true;
  SUBCASE("the client keeps none") {
    has_place = false;
  }
  SUBCASE("the pool keeps none") {
    settings.pool.keep_alive = false;
  }
  TestAttempt run(settings);
  if (!has_place) run.plan.logins = nullptr;
  run.plan.logs_in = true;
  run.dial();
  run.finish(kEmptyOk);
  run.attempt.reset();
  CHECK(run.to_backend->is_dropped);
  CHECK(run.connections().idle() == 0);
  CHECK_FALSE(has_login(run));
}

TEST_CASE("a login's connection that ends while it rests is reported to the client's connection") {
  TestAttempt run;
  run.plan.logs_in = true;
  run.dial();
  run.finish(kEmptyOk);
  run.worker.probed(0, upstream::HealthState::draining);
  CHECK(run.logins_ended == 1);
  CHECK(run.to_backend->is_dropped);
}

TEST_CASE("a backend that says how long it keeps connections is believed") {
  TestAttempt run;
  run.dial();
  CHECK_FALSE(run.connections().lifetime().may_close_at(seconds(4)));
  run.finish("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n");
  CHECK(run.connections().lifetime().may_close_at(seconds(4)));
}

TEST_CASE("the connection and the lease go on elsewhere") {
  TestAttempt run;
  run.dial();
  run.backend->answer("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  const TunnelBackend released = run.attempt->release();
  run.attempt.reset();
  CHECK(released.stream.get() == run.backend);
  CHECK(&released.lease.backend() == run.worker.members[0].get());
  CHECK(run.worker.states[0]->in_flight() == 1);
  run.worker.pass(hours(1));
  CHECK(run.said == "sending head:101 ");
}

TEST_CASE("an attempt that has given its connection away waits for nothing more") {
  TestAttempt run;
  run.dial();
  SUBCASE("to its backend") {
    run.backend->reusable = true;
    run.backend->answer("HTTP/1.1 103 Early Hints\r\n\r\n");
    http::ResponseHead none;
    run.attempt->finish(none, true);
  }
  SUBCASE("to a tunnel") {
    run.backend->answer("HTTP/1.1 103 Early Hints\r\n\r\n");
    static_cast<void>(run.attempt->release());
  }
  run.worker.pass(hours(1));
  CHECK(run.said == "sending interim:103 ");
}

}  // namespace
}  // namespace sluice::proxy
