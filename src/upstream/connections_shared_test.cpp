// Connections that carry several exchanges at a time, and those that speak for one client alone.
#include <memory>
#include <utility>

#include "upstream/test_connections.h"

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- several streams on one connection

TEST_CASE("a connection with room serves several requests at a time") {
  TestConnections at(2);
  StreamPtr first = at.open();
  StreamPtr second = at.connections.try_stream(kOnce);
  REQUIRE(second);
  CHECK(&second->connection() == at.last());
  CHECK(at.last()->peer->streams == 2);
  CHECK(at.connections.try_stream(kAgain) == nullptr);  // There is no room.
  at.give_back(std::move(first));
  CHECK(at.last()->peer->streams == 1);
  CHECK(at.connections.idle() == 0);
  StreamPtr third = at.connections.try_stream(kAgain);
  REQUIRE(third);
  third.reset();
  CHECK(at.last()->peer->resets == 1);
  CHECK_FALSE(at.last()->peer->is_closed);
  at.give_back(std::move(second));
  CHECK(at.connections.idle() == 1);
  CHECK(at.taken_by(kAgain) == at.last());
}

TEST_CASE("a connection that broke is closed with its last stream") {
  TestConnections at(2);
  StreamPtr first = at.open();
  StreamPtr second = at.connections.try_stream(kAgain);
  const auto peer = at.last()->peer;
  at.last()->is_good = false;
  first.reset();
  CHECK_FALSE(peer->is_closed);
  CHECK(at.connections.try_stream(kAgain) == nullptr);
  second.reset();
  CHECK(peer->is_closed);
  CHECK(at.connections.idle() == 0);
}

TEST_CASE("a connection with a client's address is not shared, whatever its room") {
  TestConnections at(2);
  const wire::Client client{};
  const StreamPtr stream = at.open({.proxy_protocol = config::ProxyProtocol::v1, .client = &client});
  CHECK(at.connections.try_stream(kAgain) == nullptr);
}

// ---- for one client alone

struct Bound {
  Bound() {
    REQUIRE(at.connections.keep(at.open(), place, seconds(20)));
    peer = at.last()->peer;
  }
  TestConnections at;
  int ended = 0;
  BoundConnection place{[this] { ++ended; }};
  std::shared_ptr<TestPeer> peer;
};

TEST_CASE("a connection with a login serves its client alone") {
  Bound run;
  CHECK(run.place.is_resting());
  CHECK(run.at.connections.idle() == 0);
  CHECK(run.at.connections.try_stream(kAgain) == nullptr);
  StreamPtr stream = run.at.connections.try_bound(run.place, false);
  REQUIRE(stream);
  CHECK(Connections::is_bound(*stream));
  CHECK_FALSE(run.place.is_resting());
  SUBCASE("again") {
    CHECK(run.at.connections.keep(std::move(stream), run.place, seconds(20)));
    CHECK(run.place.is_resting());
  }
  SUBCASE("and is closed when it is given back to all") {
    run.at.connections.give_back(std::move(stream));
    CHECK(run.peer->is_closed);
  }
  CHECK(run.at.connections.idle() == 0);
  CHECK(run.ended == 0);
}

TEST_CASE("a connection with a login that ends is reported to its client") {
  Bound run;
  SUBCASE("by the backend") {
    run.at.last()->end();
  }
  SUBCASE("by time") {
    run.at.pass(seconds(20) - milliseconds(1));
    CHECK(run.ended == 0);
    run.at.pass(milliseconds(1));
  }
  CHECK(run.ended == 1);
  CHECK(run.peer->is_closed);
  CHECK_FALSE(run.place.is_resting());
}

TEST_CASE("a connection with a login is closed without a report where it is of no use") {
  Bound run;
  SUBCASE("the client leaves it") {
    run.place.close();
  }
  SUBCASE("the kernel knows that it is closed") {
    run.at.last()->is_stale_now = true;
    CHECK(run.at.connections.try_bound(run.place, true) == nullptr);
  }
  SUBCASE("what may be sent only once could meet its end") {
    run.at.connections.heed(keep_alive_head("timeout=5"));
    run.at.pass(seconds(4));
    CHECK(run.at.connections.try_bound(run.place, false) == nullptr);
  }
  CHECK(run.peer->is_closed);
  CHECK_FALSE(run.place.is_resting());
  run.at.pass(seconds(60));
  CHECK(run.ended == 0);
}

TEST_CASE("a place keeps what it has when the next connection is of no use") {
  Bound run;
  StreamPtr other = run.at.open();
  run.at.last()->is_good = false;
  CHECK_FALSE(run.at.connections.keep(std::move(other), run.place, seconds(20)));
  CHECK(run.place.is_resting());
  CHECK_FALSE(run.peer->is_closed);
}

TEST_CASE("a place has one connection: the newest") {
  Bound run;
  CHECK(run.at.connections.keep(run.at.open(), run.place, seconds(20)));
  CHECK(run.peer->is_closed);
  CHECK(run.place.is_resting());
  CHECK(run.ended == 0);
}

}  // namespace
}  // namespace sluice::upstream
