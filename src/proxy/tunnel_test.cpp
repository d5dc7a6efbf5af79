// What a tunnel carries, and everything that ends it; suspending is in tunnel_suspend_test.cpp.
#include "proxy/tunnel.h"

#include <string>

#include "proxy/test_tunnel.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using std::chrono::hours;
using std::chrono::seconds;
using upstream::HealthState;
using wire::Flow;

Error broken(Origin origin, ErrorCode code = ErrorCode::reset) {
  return {.code = code, .message = "broke", .origin = origin};
}

// ---- what it carries

TEST_CASE("a tunnel carries bytes both ways and counts them") {
  TestTunnel run;
  run.start();
  CHECK(run.flight.status == 101);
  run.client.source.say("ping");
  run.backend->source.say("hello, ");
  run.backend->source.say("client");
  CHECK(run.to_backend->body == "ping");
  CHECK(run.to_client->body == "hello, client");
  CHECK(run.flight.received == 4);
  CHECK(run.flight.sent == 13);
  CHECK(run.over == "");
}

TEST_CASE("bytes that came before the tunnel are its first ones") {
  TestTunnel run;
  run.client.source.say("early");
  run.backend->source.say("bird");
  run.start();
  CHECK(run.to_backend->body == "early");
  CHECK(run.to_client->body == "bird");
}

TEST_CASE("a client that has not taken the 101 yet gets nothing more before that") {
  TestTunnel run;
  run.client.sink.block();
  run.start(Flow::blocked);
  run.backend->source.say("hello");
  run.client.source.say("ping");
  CHECK(run.to_backend->body == "ping");
  CHECK_FALSE(run.backend->source.is_read());
  CHECK(run.flight.sent == 0);
  run.client.sink.open();
  CHECK(run.to_client->body == "hello");
}

TEST_CASE("the side that is too fast is not read from until the other has taken what there is") {
  TestTunnel run;
  run.start();
  run.backend->sink.block();
  run.client.source.say("one");
  CHECK_FALSE(run.client.source.is_read());
  run.client.source.say("two");
  CHECK(run.flight.received == 3);
  run.backend->source.say("the other direction goes on");
  CHECK(run.to_client->body == "the other direction goes on");
  run.backend->sink.open();
  CHECK(run.to_backend->body == "onetwo");
  CHECK(run.client.source.is_read());
}

// ---- both directions end

TEST_CASE("a side that ends its direction is passed on, and the other direction goes on") {
  TestTunnel run;
  run.start();
  SUBCASE("the client") {
    run.client.source.say("last");
    run.client.source.end();
    CHECK(run.to_backend->body == "last");
    CHECK(run.to_backend->has_ended);
    CHECK_FALSE(run.to_client->has_ended);
    run.backend->source.say("still here");
    CHECK(run.to_client->body == "still here");
  }
  SUBCASE("the backend") {
    run.backend->source.say("last");
    run.backend->source.end();
    CHECK(run.to_client->body == "last");
    CHECK(run.to_client->has_ended);
    CHECK_FALSE(run.to_backend->has_ended);
    run.client.source.say("still here");
    CHECK(run.to_backend->body == "still here");
  }
  CHECK(run.over == "");
  CHECK_FALSE(run.flight.has_ended);
}

TEST_CASE("a tunnel is over when both directions have ended, whichever is the first") {
  for (const bool client_first : {true, false}) {
    TestTunnel run;
    run.start();
    client_first ? run.client.source.end() : run.backend->source.end();
    CHECK(run.over == "");
    client_first ? run.backend->source.end() : run.client.source.end();
    CHECK(run.over == "finish");
    CHECK(run.flight.cause == Cause::tunnel);
    CHECK(run.to_client->has_ended);
    CHECK(run.to_backend->has_ended);
    CHECK(run.worker.ended() == "ok=1 ");
    CHECK(run.worker.tallies() == "");
  }
}

TEST_CASE("the last bytes leave before the tunnel is over") {
  TestTunnel run;
  run.start();
  run.client.source.end();
  run.client.sink.block();
  run.backend->source.say("farewell");
  run.backend->source.end();
  CHECK(run.over == "");
  CHECK_FALSE(run.flight.has_ended);
  SUBCASE("and are taken") {
    run.client.sink.open();
    CHECK(run.to_client->body == "farewell");
    CHECK(run.over == "finish");
    CHECK(run.worker.ended() == "ok=1 ");
  }
  SUBCASE("or the client breaks off instead") {
    run.client.sink.fail(broken(Origin::downstream));
    CHECK(run.over == "abort");
    CHECK(run.flight.cause == Cause::client_gone);
  }
}

// ---- time

TEST_CASE("a tunnel on which nothing moves is closed in order") {
  TestTunnel run;
  run.start();
  run.worker.pass(hours(1) - Duration(1));
  CHECK(run.over == "");
  run.worker.pass(Duration(1));
  CHECK(run.over == "finish");
  CHECK(run.flight.cause == Cause::tunnel_idle);
  CHECK(run.to_client->has_ended);
  CHECK(run.to_backend->has_ended);
  CHECK(run.worker.ended() == "ok=1 ");
}

TEST_CASE("bytes in either direction keep a tunnel open") {
  TestTunnel run({.config = {.timeouts = {.tunnel = seconds(10)}}});
  run.start();
  for (int i = 0; i < 3; ++i) {
    run.worker.pass(seconds(9));
    run.client.source.say("a");
    run.worker.pass(seconds(9));
    run.backend->source.say("b");
  }
  CHECK(run.over == "");
  run.worker.pass(seconds(10));
  CHECK(run.over == "finish");
}

TEST_CASE("a tunnel that one side has ended is idle sooner, and not later") {
  struct Case {
    Duration tunnel;
    Duration half_closed;
    Duration bound;
  };
  for (const Case& each :
       {Case{hours(1), seconds(60), seconds(60)}, Case{seconds(5), seconds(60), seconds(5)}}) {
    for (const bool is_client : {true, false}) {
      TestTunnel run(
          {.config = {.timeouts = {.tunnel = each.tunnel, .tunnel_half_closed = each.half_closed}}});
      run.start();
      run.worker.pass(seconds(1));
      is_client ? run.client.source.end() : run.backend->source.end();
      run.worker.pass(each.bound - Duration(1));
      CHECK(run.over == "");
      is_client ? run.backend->source.say("x") : run.client.source.say("x");
      run.worker.pass(each.bound - Duration(1));
      CHECK(run.over == "");
      run.worker.pass(Duration(1));
      CHECK(run.over == "finish");
      CHECK(run.flight.cause == Cause::tunnel_idle);
      CHECK(run.to_client->has_ended);
      CHECK(run.to_backend->has_ended);
    }
  }
}

TEST_CASE("the time of a tunnel that one side has ended counts from that end") {
  for (const bool is_client : {true, false}) {
    TestTunnel run;
    run.start();
    run.worker.pass(seconds(1800));
    is_client ? run.client.source.end() : run.backend->source.end();
    run.worker.pass(seconds(60) - Duration(1));
    CHECK(run.over == "");
    run.worker.pass(Duration(1));
    CHECK(run.over == "finish");
  }
}

// ---- connections that break

TEST_CASE("a client that breaks off cuts the tunnel") {
  TestTunnel run;
  run.start();
  SUBCASE("as its connection says") {
    run.tunnel->client_gone(broken(Origin::downstream));
  }
  SUBCASE("as reading shows") {
    run.client.source.end(broken(Origin::downstream));
  }
  SUBCASE("as writing shows") {
    run.client.sink.block();
    run.backend->source.say("hello");
    run.client.sink.fail(broken(Origin::downstream));
  }
  CHECK(run.over == "abort");
  CHECK(run.flight.cause == Cause::client_gone);
  CHECK(run.worker.ended() == "client_abort=1 ");
  CHECK(run.worker.tallies() == "");
}

TEST_CASE("a client that takes nothing for too long is too slow") {
  TestTunnel run;
  run.start();
  SUBCASE("as its connection says") {
    run.tunnel->client_gone(broken(Origin::downstream, ErrorCode::timed_out));
  }
  SUBCASE("as writing shows") {
    run.client.sink.block();
    run.backend->source.say("hello");
    run.client.sink.fail(broken(Origin::downstream, ErrorCode::timed_out));
  }
  CHECK(run.over == "abort");
  CHECK(run.flight.cause == Cause::client_timeout);
  CHECK(run.worker.ended() == "client_timeout=1 ");
}

TEST_CASE("a backend that breaks off cuts the tunnel, and is counted") {
  TestTunnel run;
  run.start();
  SUBCASE("as reading shows") {
    run.backend->source.end(broken(Origin::upstream));
    CHECK(run.flight.cause == Cause::backend_incomplete);
    CHECK(run.worker.tallies() == "cut shop v1 backend_incomplete=1 failed shop v1 backend_incomplete=1 ");
  }
  SUBCASE("as writing shows") {
    run.backend->sink.block();
    run.client.source.say("ping");
    run.backend->sink.fail(broken(Origin::upstream));
    CHECK(run.flight.cause == Cause::backend_incomplete);
  }
  SUBCASE("by silence") {
    run.backend->sink.block();
    run.client.source.say("ping");
    run.backend->sink.fail(broken(Origin::upstream, ErrorCode::timed_out));
    CHECK(run.flight.cause == Cause::backend_timeout);
    CHECK(run.worker.tallies() == "cut shop v1 backend_timeout=1 failed shop v1 backend_timeout=1 ");
  }
  CHECK(run.over == "abort");
  CHECK(run.worker.ended() == "backend_error=1 ");
}

// ---- its owner

TEST_CASE("a tunnel is in flight at its backend, and nowhere else, as long as it lives") {
  TestTunnel run;
  run.start();
  CHECK(run.tunnel->is_at(*run.worker.states[0]));
  CHECK_FALSE(run.tunnel->is_at(*run.worker.states[1]));
  CHECK(run.worker.states[0]->in_flight() == 1);
  CHECK(run.worker.states[1]->in_flight() == 0);
  run.client.source.end();
  CHECK(run.worker.states[0]->in_flight() == 1);
  run.backend->source.end();
  CHECK(run.worker.states[0]->in_flight() == 0);
  CHECK(run.to_backend->is_dropped);
}

TEST_CASE("a tunnel that is dropped calls nothing back and has no outcome") {
  TestTunnel run;
  SUBCASE("before it carries anything") {
    run.tunnel->start(Flow::open);
  }
  SUBCASE("while it waits for bytes") {
    run.start();
  }
  SUBCASE("while both sides take nothing") {
    run.start();
    run.client.sink.block();
    run.backend->source.say("hello");
    run.backend->sink.block();
    run.client.source.say("ping");
  }
  SUBCASE("while its last bytes leave") {
    run.start();
    run.client.source.end();
    run.client.sink.block();
    run.backend->source.end();
  }
  const uint64_t received = run.flight.received;
  run.tunnel.reset();
  CHECK(run.to_backend->is_dropped);
  CHECK_FALSE(run.client.source.is_read());
  run.client.source.say("more");
  run.client.source.end();
  run.client.sink.open();
  run.worker.probed(0, HealthState::draining);
  run.worker.pass(hours(2));
  CHECK(run.over == "");
  CHECK_FALSE(run.flight.has_ended);
  CHECK(run.flight.received == received);
  CHECK(run.worker.ended() == "");
  CHECK(run.worker.states[0]->in_flight() == 0);
}

TEST_CASE("a process that stops ends the tunnel's request, and leaves the stream to the owner") {
  TestTunnel run;
  run.start();
  run.tunnel->stop();
  CHECK(run.over == "");
  CHECK(run.flight.cause == Cause::stopped);
  CHECK(run.worker.ended() == "stopped=1 ");
  CHECK(run.worker.tallies() == "cut shop v1 stopped=1 failed shop v1 stopped=1 ");
}

TEST_CASE(
    "what one side said last reaches the other, which has ended its own direction, whichever was first") {
  for (const bool client_first : {true, false}) {
    TestTunnel run;
    run.start();
    run.backend->sink.block();
    run.client.source.say("farewell");
    if (client_first) run.client.source.end();
    run.backend->source.end();
    if (!client_first) run.client.source.end();
    CHECK(run.over == "");
    if (run.tunnel) run.backend->sink.open();
    CHECK(run.to_backend->body == "farewell");
    CHECK(run.over == "finish");
  }
}

}  // namespace
}  // namespace sluice::proxy
