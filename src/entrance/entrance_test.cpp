// From an accepted socket to a connection that can be served, over in-memory transports.
#include <sluice/entrance/entrance.h>

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "wire/http1_test_tools.h"

#include <doctest/doctest.h>

namespace sluice::entrance {
namespace {

const std::string kHeader = "PROXY TCP4 198.51.100.9 192.0.2.1 4000 443\r\n";
const std::string kRequest = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

/// An entrance whose owner serves what comes in, or refuses it.
struct Hall final : EntranceOwner, wire::ServerHandler {
  explicit Hall(bool proxy_protocol) {
    entrance.configure({.local = local, .proxy_protocol = proxy_protocol});
  }

  wire::MemoryTransport& admit() {
    auto made = std::make_unique<wire::MemoryTransport>();
    wire::MemoryTransport& transport = *made;
    entrance.admit(std::move(made));
    return transport;
  }
  void pass(int milliseconds) {
    clock.advance(Duration{milliseconds});
    deadlines.expire();
  }

  void on_accepted() override { ++accepted; }
  void on_open(std::unique_ptr<wire::ServerConnection> opened) override {
    connection = std::move(opened);
    if (!refuses) return connection->start(*this);
    connection->refuse(*this, {.code = ErrorCode::too_large, .message = "too many", .status = 429});
  }
  void on_lost() override { ++lost; }
  void on_request(wire::ServerStream& stream) override { targets += stream.request().target(); }
  void on_bad_request(wire::ServerStream& stream, const Error& error) override {
    bad_status = error.status;
    stream.send_reply({.status = error.status});
    stream.finish();
  }
  void on_over() override { connection.reset(); }

  HeldClock clock;
  Deadlines deadlines{clock};
  wire::ServerContext context{.deadlines = deadlines,
                              .settings = {.head_timeout = Duration{10'000}},
                              .readings = FreeList<wire::RequestReading>(),
                              .out = {}};
  const Address local = *Address::parse("192.0.2.1:80");
  std::unique_ptr<wire::ServerConnection> connection;
  std::string targets;
  int bad_status = 0;
  size_t accepted = 0;
  size_t lost = 0;
  bool refuses = false;
  wire::MakeServerConnection make = wire::make_server_connection;
  Entrance entrance{context, make, *this};
};

TEST_CASE("where nothing comes before the protocol a connection is open at once") {
  Hall hall(false);
  auto& transport = hall.admit();
  REQUIRE(hall.connection);
  CHECK(hall.accepted == 1);
  CHECK_FALSE(hall.entrance.is_awaiting());
  CHECK(hall.connection->client().ip == "192.0.2.7");
  CHECK(hall.connection->client().local == hall.local);
  transport.arrive(kRequest);
  CHECK(hall.targets == "/x");
}

TEST_CASE("a PROXY header, however split, says who the client is; what follows it is served") {
  for (size_t split = 0; split <= kHeader.size(); ++split) {
    CAPTURE(split);
    Hall hall(true);
    auto& transport = hall.admit();
    CHECK(hall.entrance.is_awaiting());
    transport.arrive(kHeader.substr(0, split));
    transport.arrive(kHeader.substr(split) + kRequest);
    CHECK(hall.targets == "/x");
    CHECK(hall.connection->client().ip == "198.51.100.9");
    CHECK(hall.connection->client().local.port() == 443);
    CHECK_FALSE(hall.entrance.is_awaiting());
    hall.pass(10'001);
    CHECK(hall.accepted == 1);
    CHECK(hall.lost == 0);
  }
}

TEST_CASE("a client that is no proxy, says nothing, or leaves is dropped unheard") {
  Hall plain(true);
  plain.admit().arrive(kRequest);
  CHECK(plain.lost == 1);
  Hall silent(true);
  silent.admit().arrive("PROXY TCP4");
  silent.pass(9'999);
  CHECK(silent.lost == 0);
  silent.pass(2);
  CHECK(silent.lost == 1);
  Hall left(true);
  left.admit().end();
  CHECK(left.lost == 1);
  for (Hall* hall : {&plain, &silent, &left}) {
    CHECK(hall->accepted == 1);
    CHECK_FALSE(hall->connection);
    CHECK_FALSE(hall->entrance.is_awaiting());
  }
}

TEST_CASE("a client that its PROXY header names can be refused before anything that it asks for") {
  Hall hall(true);
  hall.refuses = true;
  auto& transport = hall.admit();
  transport.arrive(kHeader + kRequest);
  CHECK(hall.bad_status == 429);
  CHECK(hall.targets == "");
  CHECK(transport.is_shut_down);
}

TEST_CASE("clients that have not arrived can be closed to make room, in the order in which they came") {
  Hall hall(true);
  hall.admit();
  hall.pass(10);
  hall.admit();
  CHECK(hall.context.resting.close_longest(hall.clock.now() - Duration{10}));
  CHECK_FALSE(hall.context.resting.close_longest(hall.clock.now() - Duration{10}));
  CHECK(hall.lost == 1);
  CHECK(hall.entrance.is_awaiting());
}

TEST_CASE("a half read PROXY header goes on at the next owner, and its time begins anew") {
  Hall before(true);
  before.admit().arrive(kHeader.substr(0, 20));
  before.pass(9'000);
  auto suspended = before.entrance.suspend_arrival();
  REQUIRE(suspended);
  CHECK(suspended->at.awaits_preface);
  CHECK(suspended->at.bytes == kHeader.substr(0, 20));
  CHECK_FALSE(before.entrance.is_awaiting());
  CHECK(before.lost == 0);
  Hall after(true);
  auto made = std::make_unique<wire::MemoryTransport>();
  auto& transport = *made;
  after.entrance.go_on(std::move(made), std::move(suspended->at));
  after.pass(9'000);
  transport.arrive(kHeader.substr(20) + kRequest);
  CHECK(after.targets == "/x");
  CHECK(after.accepted == 0);
}

TEST_CASE("those that still arrive can go on at another entrance, or be dropped") {
  Hall one(true);
  auto& transport = one.admit();
  one.admit();
  Hall other(true);
  other.entrance.take_arrivals(one.entrance);
  CHECK_FALSE(one.entrance.is_awaiting());
  transport.arrive(kHeader + kRequest);
  CHECK(one.targets == "");
  CHECK(other.targets == "/x");
  CHECK(other.entrance.close_arrivals() == 1);
  CHECK(other.lost == 0);
}

}  // namespace
}  // namespace sluice::entrance
