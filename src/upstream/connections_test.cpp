// Which connection a request gets, and what becomes of it.
#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "upstream/test_connections.h"

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- a new connection

TEST_CASE("a stream is opened on a new connection to the backend") {
  TestConnections at;
  CHECK(at.connections.try_stream(kAgain) == nullptr);
  const StreamPtr stream = at.open();
  CHECK(at.dialed == std::vector<Address>{at.state.address()});
  CHECK(&stream->connection() == at.last());
  CHECK(at.last()->peer->preface == "");
  CHECK_FALSE(at.last()->is_reused());
  CHECK(at.connections.idle() == 0);
  CHECK(at.connections.try_stream(kAgain) == nullptr);  // It is that request's alone.
}

TEST_CASE("a connection that is refused is the backend's fault") {
  TestConnections at;
  std::optional<Error> error;
  const Wait wait = at.connections.open_stream({}, [&](Result<StreamPtr> stream) {
    REQUIRE_FALSE(stream);
    error = stream.error();
  });
  at.connect(Error{.code = ErrorCode::refused, .message = "refused"});
  REQUIRE(error);
  CHECK(error->code == ErrorCode::refused);
  CHECK(error->origin == sluice::Origin::upstream);
  CHECK(at.made.empty());
}

TEST_CASE("a dial that is given up does not call back") {
  TestConnections at;
  Wait wait = at.connections.open_stream({}, [&](const Result<StreamPtr>&) { FAIL("called"); });
  wait.cancel();
  CHECK_FALSE(at.dial->is_waited_for());
}

TEST_CASE("a connection that begins with the client's address is never another request's") {
  TestConnections at;
  const wire::Client client{.address = *Address::parse("192.0.2.1:40000"),
                            .local = *Address::parse("192.0.2.2:80"),
                            .ip = "192.0.2.1"};
  StreamRequest request{.may_be_repeated = true, .client = &client};
  SUBCASE("as text") {
    request.proxy_protocol = config::ProxyProtocol::v1;
  }
  SUBCASE("as bytes") {
    request.proxy_protocol = config::ProxyProtocol::v2;
  }
  StreamPtr stream = at.open(request);
  const auto peer = at.last()->peer;
  CHECK(peer->preface.starts_with(request.proxy_protocol == config::ProxyProtocol::v1
                                      ? "PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
                                      : "\r\n\r\n"));
  at.give_back(std::move(stream));
  CHECK(peer->finished == 1);
  CHECK(peer->is_closed);
  at.rest();
  CHECK(at.connections.try_stream(request) == nullptr);
}

TEST_CASE("a tunnel goes on that another owner has left") {
  TestConnections at;
  net::Descriptor descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto stream = at.connections.resume_tunnel(std::move(descriptor), "early");
  REQUIRE(stream);
  CHECK(at.last()->peer->read == "early");
  CHECK(at.dialed.empty());
  CHECK_FALSE(at.connections.resume_tunnel(net::Descriptor(), ""));
}

// ---- back, and again

TEST_CASE("a connection whose response was read whole serves the next request") {
  TestConnections at;
  at.give_back(at.open());
  TestConnection* const resting = at.last();
  CHECK(at.connections.idle() == 1);
  StreamPtr next = at.connections.try_stream(kAgain);
  REQUIRE(next);
  CHECK(&next->connection() == resting);
  CHECK(resting->is_reused());
  CHECK(at.connections.idle() == 0);
  CHECK(at.dialed.size() == 1);
}

TEST_CASE("the connection used last is the next") {
  TestConnections at;
  StreamPtr first = at.open();
  StreamPtr second = at.open();
  TestConnection* const last_used = at.made[0];
  at.give_back(std::move(second));
  at.give_back(std::move(first));
  CHECK(at.taken_by(kAgain) == last_used);
}

TEST_CASE("a connection is closed where no other request may use it") {
  TestConnections at;
  StreamPtr stream = at.open();
  const auto peer = at.last()->peer;
  bool is_reset = false;
  SUBCASE("its request was dropped in the middle") {
    at.last()->survives_reset = false;
    stream.reset();
    is_reset = true;
  }
  SUBCASE("its exchange did not end in order") {
    at.last()->is_good = false;
  }
  SUBCASE("connections are not kept") {
    at.connections.configure({});
  }
  SUBCASE("the backend is not healthy") {
    at.state.set_health(HealthState::draining);
  }
  if (stream) at.give_back(std::move(stream));
  CHECK(peer->is_closed);
  CHECK(peer->resets == (is_reset ? 1 : 0));
  CHECK(at.connections.idle() == 0);
}

TEST_CASE("idle connections are closed when none are kept any more") {
  TestConnections at;
  at.rest();
  SUBCASE("by configuration") {
    at.connections.configure({});
  }
  SUBCASE("since the backend is not healthy") {
    at.connections.close_idle();
  }
  CHECK(at.connections.idle() == 0);
  at.pass(seconds(120));
}

TEST_CASE("a connection that the backend closes while it is idle is forgotten") {
  TestConnections at;
  StreamPtr other = at.open();
  TestConnection* const gone = at.rest();
  at.give_back(std::move(other));
  const auto peer = gone->peer;
  gone->end();
  CHECK(peer->is_closed);
  CHECK(at.connections.idle() == 1);
  CHECK(at.taken_by(kAgain) == at.made[0]);
}

// ---- for how long

TEST_CASE("a connection is closed once it was idle for as long as may be") {
  TestConnections at;
  StreamPtr second = at.open();
  at.rest();
  at.pass(seconds(30));
  at.give_back(std::move(second));
  at.pass(seconds(30) - milliseconds(1));
  CHECK(at.connections.idle() == 2);
  at.pass(milliseconds(1));
  CHECK(at.connections.idle() == 1);
  at.pass(seconds(30) - milliseconds(1));
  CHECK(at.connections.idle() == 1);
  at.pass(milliseconds(1));
  CHECK(at.connections.idle() == 0);
}

TEST_CASE("a connection's idle time begins with its last request") {
  TestConnections at;
  at.rest();
  at.pass(seconds(59));
  at.give_back(at.connections.try_stream(kAgain));
  at.pass(seconds(59));
  CHECK(at.connections.idle() == 1);
  at.pass(seconds(1));
  CHECK(at.connections.idle() == 0);
}

TEST_CASE("another idle time holds for those that are idle, too") {
  TestConnections at;
  at.rest();
  at.pass(seconds(10));
  at.connections.configure(seconds(15));
  at.pass(seconds(5) - milliseconds(1));
  CHECK(at.connections.idle() == 1);
  at.pass(milliseconds(1));
  CHECK(at.connections.idle() == 0);
}

// ---- which can be trusted

TEST_CASE("what may be sent only once takes a connection that was idle for a short time") {
  TestConnections at;
  TestConnection* const resting = at.rest();
  const StreamRequest once{.unproven = seconds(3)};
  at.pass(seconds(3));
  SUBCASE("as long as it has to be trusted") {
    CHECK(at.taken_by(once) == resting);
  }
  SUBCASE("and no longer") {
    at.pass(milliseconds(1));
    CHECK(at.taken_by(once) == nullptr);
  }
  SUBCASE("nor one of which the kernel knows that it is closed") {
    resting->is_stale_now = true;
    const auto peer = resting->peer;
    CHECK(at.taken_by(once) == nullptr);
    CHECK(peer->is_closed);
  }
}

TEST_CASE("a connection is trusted for three quarters of the time for which another one has lasted") {
  TestConnections at;
  StreamPtr younger = at.open();
  at.rest();
  at.pass(seconds(20));
  at.give_back(std::move(younger));
  SUBCASE("and is taken") {
    at.pass(seconds(30));
    CHECK(at.taken_by(kOnce) == at.made[0]);
  }
  SUBCASE("but not a connection that is nearly as old") {
    at.pass(seconds(10));
    at.connections.configure(seconds(120));
    at.pass(seconds(60));  // Of 90 seconds 67.5, and it has been idle for 70.
    CHECK(at.taken_by(kOnce) == nullptr);
  }
}

TEST_CASE("a connection whose end has not been read yet does not show that the backend keeps them") {
  TestConnections at;
  at.rest()->is_stale_now = true;
  SUBCASE("while it rests") {
    at.pass(seconds(20));
    CHECK(at.taken_by(kOnce) == nullptr);
  }
  SUBCASE("when its time is over") {
    at.pass(seconds(60));
  }
  CHECK(at.connections.lifetime().trusted({}) == Duration::zero());
}

TEST_CASE(
    "a backend that closes after a second, and late when it is starved, gets nothing just as it closes") {
  TestConnections at;
  constexpr StreamRequest once{.unproven = milliseconds(100)};
  const auto closed_after = [&](Duration idle) {
    TestConnection* const resting = at.rest();
    at.pass(idle);
    resting->end();
  };
  SUBCASE("its first close is late") {
    closed_after(milliseconds(1500));
  }
  SUBCASE("its last close is late") {
    closed_after(milliseconds(1000));
    closed_after(milliseconds(2500));
  }
  at.rest();
  at.pass(milliseconds(1800));  // It is late with this one, too.
  CHECK(at.taken_by(once) == nullptr);
  at.connections.close_idle();
  TestConnection* const resting = at.rest();
  at.pass(milliseconds(990));
  CHECK(at.taken_by(once) == nullptr);
  resting->end();
}

TEST_CASE("a repeatable request takes any connection, whatever its age") {
  TestConnections at;
  TestConnection* const resting = at.rest();
  resting->is_stale_now = true;
  at.pass(seconds(59));
  CHECK(at.taken_by(kOnce) == nullptr);
  at.rest()->is_stale_now = true;
  at.pass(seconds(59));
  CHECK(at.taken_by(kAgain) == at.last());
}

TEST_CASE("before any connection was used again, what may be sent only once opens its own") {
  TestConnections at;
  at.rest(1);
  CHECK(at.taken_by({.unproven = seconds(3)}) == nullptr);
  CHECK(at.connections.idle() == 1);
  at.give_back(at.connections.try_stream(kAgain));
  CHECK(at.taken_by({.unproven = seconds(3)}) != nullptr);
}

TEST_CASE("as many connections are kept as requests were under way, as long as none was used again") {
  TestConnections at;
  Connections few(at.state, at.connector);
  few.configure(seconds(60));
  few.expect(2);
  std::vector<StreamPtr> streams;
  for (int i = 0; i < 3; ++i) {
    const Wait wait =
        few.open_stream({}, [&](Result<StreamPtr> made) { streams.push_back(*std::move(made)); });
    at.connect(std::unique_ptr<net::Transport>());
  }
  for (StreamPtr& stream : streams) few.give_back(std::move(stream));
  CHECK(few.idle() == 2);
}

TEST_CASE("a backend that closes after each answer is asked on new connections") {
  TestConnections at;
  at.rest(1);
  at.pass(milliseconds(5));
  at.last()->end();
  at.rest(1);
  CHECK(at.connections.try_stream(kAgain) == nullptr);
  at.give_back(at.open());
  CHECK(at.connections.idle() == 1);  // One is enough to see whether that changes.
  at.pass(IdleLifetime::kLong);
  CHECK(at.taken_by(kAgain) != nullptr);
}

TEST_CASE("a connection that ended before it answered again counts as one that was closed after one answer") {
  TestConnections at;
  at.rest(1);
  at.connections.closed_when_reused();
  CHECK(at.connections.try_stream(kAgain) == nullptr);
}

TEST_CASE("what a backend says of how long it keeps connections is believed") {
  TestConnections at;
  at.connections.heed(keep_alive_head("timeout=8"));
  TestConnection* const resting = at.rest();
  at.pass(seconds(6));
  CHECK(at.taken_by(kOnce) == resting);
  at.rest();
  at.pass(seconds(6) + milliseconds(1));
  CHECK(at.taken_by(kOnce) == nullptr);
}

}  // namespace
}  // namespace sluice::upstream
