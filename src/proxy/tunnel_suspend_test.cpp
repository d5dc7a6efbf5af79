// How a tunnel comes to its end when its backend or its listener goes, and how it moves to its next owner.
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own

#include <optional>
#include <string>

#include "proxy/test_tunnel.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using upstream::HealthState;
using wire::Flow;

/// In seconds, or "none".
std::string left_of(const TestTunnel& run) {
  const auto left = run.tunnel->time_left();
  return left ? std::to_string(left->count() / 1000) : "none";
}

bool is_closed_in_order(const TestTunnel& run) {
  return run.over == "finish" && run.flight.cause == observe::Cause::tunnel_drained &&
         run.to_client->has_ended && run.to_backend->has_ended;
}

TEST_CASE("a tunnel whose backend drains has the pool's time left") {
  TestTunnel run({.pool = {.timeouts = {.tunnel_drain = seconds(20)}}});
  run.start();
  CHECK(left_of(run) == "none");
  run.worker.probed(0, HealthState::draining);
  CHECK(left_of(run) == "20");
  run.worker.pass(seconds(15));
  run.client.source.say("bytes do not put it off");
  CHECK(left_of(run) == "5");
  run.worker.pass(seconds(5) - Duration(1));
  CHECK(run.over == "");
  run.worker.pass(Duration(1));
  CHECK(is_closed_in_order(run));
  CHECK(run.worker.ended() == "ok=1 ");
}

TEST_CASE("a tunnel that begins while its backend drains has that time left, too") {
  TestTunnel run({}, HealthState::draining);
  run.start();
  CHECK(left_of(run) == "20");
  CHECK_FALSE(run.tunnel->suspend());
  run.worker.pass(seconds(20));
  CHECK(is_closed_in_order(run));
}

TEST_CASE("a drain of another backend is nothing to a tunnel") {
  TestTunnel run;
  run.start();
  run.worker.probed(1, HealthState::draining);
  CHECK(left_of(run) == "none");
}

TEST_CASE("a pool without that bound lets its tunnels go on") {
  TestTunnel run({.pool = {.timeouts = {.tunnel_drain = Duration::zero()}}});
  run.start();
  run.worker.probed(0, HealthState::draining);
  CHECK(left_of(run) == "none");
  run.worker.pass(seconds(1800));
  CHECK(run.over == "");
}

TEST_CASE("a backend that is back takes the bound away, and may drain again") {
  TestTunnel run;
  run.start();
  run.worker.probed(0, HealthState::draining);
  run.worker.pass(seconds(19));
  run.worker.probed(0, HealthState::down);  // Not back: it may be about to end.
  CHECK(left_of(run) == "1");
  run.worker.probed(0, HealthState::healthy);
  CHECK(left_of(run) == "none");
  run.worker.pass(seconds(60));
  CHECK(run.over == "");
  run.worker.probed(0, HealthState::draining);
  CHECK(left_of(run) == "20");
  run.worker.pass(seconds(20));
  CHECK(is_closed_in_order(run));
}

TEST_CASE("a tunnel is closed at the time that its owner says, whatever moves on it") {
  TestTunnel run;
  run.start();
  run.tunnel->retire_at(run.worker.clock.now() + seconds(30));
  CHECK(left_of(run) == "30");
  run.worker.pass(seconds(29));
  run.client.source.say("ping");
  CHECK(run.over == "");
  run.worker.pass(seconds(1));
  CHECK(is_closed_in_order(run));
}

TEST_CASE("a tunnel that has no time left ends in a later turn") {
  for (const Duration late : {Duration(0), Duration(5000)}) {
    TestTunnel run;
    run.start();
    run.worker.pass(seconds(60));
    run.tunnel->retire_at(run.worker.clock.now() - late);
    run.worker.deadlines.expire();
    CHECK(run.over == "");
    CHECK(run.tunnel->time_left() <= Duration(1));
    run.worker.pass(Duration(1));
    CHECK(is_closed_in_order(run));
  }
}

TEST_CASE("an owner may withdraw the end, or move it") {
  TestTunnel run;
  run.start();
  run.tunnel->retire_at(run.worker.clock.now() + seconds(30));
  run.tunnel->retire_at(std::nullopt);
  CHECK(left_of(run) == "none");
  run.worker.pass(seconds(60));
  CHECK(run.over == "");
  run.tunnel->retire_at(run.worker.clock.now() + seconds(30));
  run.tunnel->retire_at(run.worker.clock.now() + seconds(40));
  run.worker.pass(seconds(30));
  CHECK(run.over == "");
  run.worker.pass(seconds(10));
  CHECK(is_closed_in_order(run));
}

TEST_CASE("of two ends the earlier one counts, and each is withdrawn alone") {
  seconds retired{};
  std::string earlier;
  SUBCASE("the listener's") {
    retired = seconds(10), earlier = "10";
  }
  SUBCASE("the backend's") {
    retired = seconds(30), earlier = "20";
  }
  const auto both = [&](TestTunnel& run) {  // A drain leaves it 20 seconds.
    run.start();
    run.worker.probed(0, HealthState::draining);
    run.tunnel->retire_at(run.worker.clock.now() + retired);
    CHECK(left_of(run) == earlier);
  };
  TestTunnel untouched;
  both(untouched);
  untouched.worker.pass(seconds(std::stoi(earlier)) - Duration(1));
  CHECK(untouched.over == "");
  untouched.worker.pass(Duration(1));
  CHECK(is_closed_in_order(untouched));

  TestTunnel is_back;
  both(is_back);
  is_back.worker.probed(0, HealthState::healthy);
  CHECK(left_of(is_back) == std::to_string(retired.count()));

  TestTunnel stays;
  both(stays);
  stays.tunnel->retire_at(std::nullopt);
  CHECK(left_of(stays) == "20");
}

TEST_CASE("a direction that has ended is not ended again when the tunnel is closed") {
  TestTunnel run;
  run.start();
  SUBCASE("the client's") {
    run.client.source.end();
  }
  SUBCASE("the backend's") {
    run.backend->source.end();
  }
  run.tunnel->retire_at(run.worker.clock.now() + seconds(1));
  run.worker.pass(seconds(1));  // A sink is ended once: see TestSink.
  CHECK(is_closed_in_order(run));
}

// ---- the next owner

TEST_CASE("a suspended tunnel has all that its next owner needs") {
  TestTunnel run;
  run.start();
  run.client.source.say("ping");
  run.backend->source.say("hello");
  run.worker.pass(seconds(3));
  const auto left = run.tunnel->suspend();
  REQUIRE(left);
  CHECK(left->state == TunnelState{.head = run.client.request().text(),
                                   .pool = "shop",
                                   .backend = TestWorker::address(0),
                                   .request_id = std::string(run.flight.request_id),
                                   .sent = 5,
                                   .received = 4,
                                   .age_ms = 3000,
                                   .attempts = 1});
  CHECK(left->state.request_id.size() == 32);
  CHECK(left->client.get() == run.client.left_as);
  CHECK(left->backend.get() == run.backend->left_as);
  CHECK(run.worker.counters.left.get() == 1);
}

TEST_CASE("bytes that are under way move with the tunnel, and only what was sent is counted") {
  TestTunnel run;
  run.start();
  run.client.source.say("was sent,");
  run.backend->sink.block();
  run.client.source.say(" was not sent,");
  run.client.source.say(" was not passed on");
  run.backend->source.say("answer");
  run.client.sink.block();
  run.backend->source.say(" kept");
  run.backend->source.say(" unread");
  const auto left = run.tunnel->suspend();
  REQUIRE(left);
  CHECK(left->state.up == " was not sent, was not passed on");
  CHECK(left->state.down == " kept unread");
  CHECK(left->state.received == 9);
  CHECK(left->state.sent == 6);
}

TEST_CASE("the 101 that a client has not taken is no byte of the tunnel, and moves with it") {
  TestTunnel run;
  run.client.sink.block();
  run.client.write_body("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  run.start(Flow::blocked);
  run.backend->source.say("hello");
  const auto left = run.tunnel->suspend();
  REQUIRE(left);
  CHECK(left->state.down == "HTTP/1.1 101 Switching Protocols\r\n\r\nhello");
  CHECK(left->state.sent == 0);
}

TEST_CASE("a tunnel may move when one side has ended") {
  TestTunnel run;
  run.start();
  run.client.source.end();
  CHECK(run.tunnel->suspend());
}

TEST_CASE("a tunnel that was suspended has no outcome with this owner") {
  TestTunnel run;
  run.start();
  REQUIRE(run.tunnel->suspend());
  run.tunnel.reset();
  CHECK(run.over == "");
  CHECK(run.worker.ended() == "");
  CHECK(run.worker.states[0]->in_flight() == 0);
}

TEST_CASE("a tunnel that is to end here does not move, and goes on") {
  TestTunnel run;
  run.start();
  SUBCASE("its backend drains") {
    run.worker.probed(0, HealthState::draining);
  }
  SUBCASE("its client cannot be left") {
    run.client.may_leave = false;
  }
  SUBCASE("its backend cannot be left") {
    run.backend->may_leave = false;
  }
  CHECK_FALSE(run.tunnel->suspend());
  CHECK(run.worker.counters.left.get() == 0);
  run.client.source.say("ping");
  run.backend->source.say("hello");
  CHECK(run.to_backend->body == "ping");
  CHECK(run.to_client->body == "hello");
}

TEST_CASE("a tunnel does not move while its last bytes leave") {
  TestTunnel run;
  run.start();
  run.client.source.end();
  run.client.sink.block();
  run.backend->source.end();
  CHECK_FALSE(run.tunnel->suspend());
  CHECK(run.worker.counters.left.get() == 0);
  run.client.sink.open();
  CHECK(run.over == "finish");
}

TEST_CASE("a tunnel may move once its backend is back, and when it has a time to end") {
  TestTunnel run;
  run.start();
  run.worker.probed(0, HealthState::draining);
  run.worker.probed(0, HealthState::healthy);
  run.tunnel->retire_at(run.worker.clock.now() + hours(1));
  CHECK(run.tunnel->suspend());
}

}  // namespace
}  // namespace sluice::proxy
