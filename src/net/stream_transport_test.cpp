// Transports over TCP and Unix sockets: what is written arrives, back-pressure holds, and the end is
// reported once.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <vector>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::Collector;
using test::fill;
using test::Kind;
using test::kKinds;
using test::Pair;
using test::pattern;
using test::write;

TEST_CASE("what is written arrives, pieces in their order, both ways") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    pair.open();
    Collector at_a;
    Collector at_b;
    pair.a->start_reading(at_a);
    pair.b->start_reading(at_b);
    const std::vector<std::string_view> pieces = {"HTTP/1.1 ", "", "200 OK", "\r\n\r\n"};
    CHECK(pair.a->write(pieces) == Flow::open);
    CHECK(write(*pair.b, "GET /") == Flow::open);
    CHECK(pair.a->pending_bytes() == 0);
    CHECK(pair.until([&] { return at_b.bytes == "HTTP/1.1 200 OK\r\n\r\n" && at_a.bytes == "GET /"; }));
  }
}

TEST_CASE("any number of pieces is fine, empty ones too") {
  Pair pair(Kind::tcp);
  pair.open();
  Collector reader;
  pair.b->start_reading(reader);
  std::vector<std::string_view> pieces;
  std::string expected;
  const std::string whole = pattern(1000);
  for (size_t i = 0; i < 100; ++i) {
    pieces.push_back(std::string_view(whole).substr(i, i % 3));
    expected += pieces.back();
  }
  CHECK(pair.a->write(pieces) == Flow::open);
  CHECK(pair.a->write({}) == Flow::open);
  CHECK(pair.until([&] { return reader.bytes.size() >= expected.size(); }));
  CHECK(reader.bytes == expected);
}

TEST_CASE("a slow reader blocks the writer, and then gets every byte") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    pair.open();
    std::string written = fill(*pair.a, 1'000'000);
    CHECK(pair.a->pending_bytes() >= 1'000'000);
    CHECK(write(*pair.a, "the end") == Flow::blocked);
    written += "the end";
    int told = 0;
    const Wait wait = pair.a->when_writable([&](Result<void> how) {
      CHECK(how);
      CHECK(pair.a->pending_bytes() == 0);
      ++told;
    });
    pair.settle();
    CHECK(told == 0);
    Collector reader;
    pair.b->start_reading(reader);
    CHECK(pair.until([&] { return told == 1 && reader.bytes.size() >= written.size(); }));
    CHECK(reader.bytes == written);
    CHECK(pair.a->pending_bytes() == 0);
    CHECK(write(*pair.a, "more") == Flow::open);
  }
}

TEST_CASE("another owner goes on with the connection where the kernel stopped taking bytes") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    pair.open();
    Collector reader;
    std::string written = fill(*pair.a, 8'000'000);
    written += "the end of the first";
    write(*pair.a, "the end of the first");
    pair.b->start_reading(reader);  // So that some of what is kept leaves.
    const size_t all = pair.a->pending_bytes();
    REQUIRE(pair.until([&] { return pair.a->pending_bytes() < all && pair.a->pending_bytes() > 0; }));
    const std::string kept = pair.a->kept();
    CHECK(kept.size() == pair.a->pending_bytes());
    auto connection = pair.a->duplicate();
    REQUIRE(connection);
    pair.a.reset();
    auto next = pair.loop.adopt(*std::move(connection));
    REQUIRE(next);
    write(**next, kept);
    write(**next, "and the second");
    written += "and the second";
    CHECK(pair.until([&] { return reader.bytes.size() >= written.size(); }));
    CHECK((reader.bytes == written));
    CHECK_FALSE(reader.ended);
  }
}

TEST_CASE("bytes keep their order when writes go on while something is kept") {
  Pair pair(Kind::tcp);
  pair.open();
  std::string written = fill(*pair.a, 1);
  Collector reader;
  pair.b->start_reading(reader);
  const std::string whole = pattern(size_t{32} * 1024 * 1024);
  while (written.size() < whole.size()) {
    const auto piece = std::string_view(whole).substr(written.size(), 70'001);
    pair.a->write(
        std::vector<std::string_view>{piece.substr(0, 10), piece.substr(std::min<size_t>(10, piece.size()))});
    written += piece;
    pair.loop.run_until([&] { return pair.a->pending_bytes() < 300'000; }, test::kLong);
  }
  CHECK(pair.until([&] { return reader.bytes.size() >= written.size(); }));
  CHECK((reader.bytes == whole));
}

TEST_CASE("when nothing is kept, writable is told in a later turn, unless cancelled") {
  Pair pair(Kind::tcp);
  pair.open();
  bool told = false;
  Wait wait = pair.a->when_writable([&](Result<void> how) { told = how.has_value(); });
  CHECK_FALSE(told);
  CHECK(pair.until([&] { return told; }));
  CHECK_FALSE(wait);

  bool cancelled_told = false;
  wait = pair.a->when_writable([&](Result<void>) { cancelled_told = true; });
  wait.cancel();
  pair.settle();
  CHECK_FALSE(cancelled_told);
}

TEST_CASE("a half-closed connection still carries the other way") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    pair.open();
    const std::string written = fill(*pair.a, 100'000);
    pair.a->shutdown();
    pair.a->shutdown();
    Collector at_a;
    Collector at_b;
    pair.a->start_reading(at_a);
    pair.b->start_reading(at_b);
    CHECK(pair.until([&] { return at_b.ended; }));
    CHECK_FALSE(at_b.error);
    CHECK((at_b.bytes == written));
    CHECK_FALSE(at_a.ended);
    write(*pair.b, "answer");
    CHECK(pair.until([&] { return at_a.bytes == "answer"; }));
  }
}

TEST_CASE("a transport that is destroyed ends in order what it has written") {
  Pair pair(Kind::tcp);
  pair.open();
  Collector reader;
  pair.b->start_reading(reader);
  write(*pair.a, "last words");
  pair.a.reset();
  CHECK(pair.until([&] { return reader.ended; }));
  CHECK(reader.bytes == "last words");
  CHECK_FALSE(reader.error);
}

TEST_CASE("reset_on_close makes the peer see a reset, never an orderly end") {
  Pair pair(Kind::tcp);
  pair.open();
  Collector reader;
  pair.b->start_reading(reader);
  write(*pair.a, "half a mess");
  pair.a->reset_on_close();
  pair.a.reset();
  CHECK(pair.until([&] { return reader.ended; }));
  REQUIRE(reader.error);
  CHECK(reader.error->code == ErrorCode::reset);
  CHECK(reader.error->message == "connection reset by peer");
}

TEST_CASE("the end is told again to who starts reading after it") {
  for (const bool broken : {false, true}) {
    Pair pair(Kind::tcp);
    auto raw = pair.open_raw();
    Collector first;
    pair.a->start_reading(first);
    broken ? raw.reset() : raw.close();
    CHECK(pair.until([&] { return first.ended; }));
    Collector second;
    pair.a->start_reading(second);
    CHECK_FALSE(second.ended);
    CHECK(pair.until([&] { return second.ended; }));
    CHECK(second.error.has_value() == broken);
  }
}

TEST_CASE("writing to a broken connection blocks, and the error comes by when_writable in a later turn") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    auto raw = pair.open_raw();
    Collector reader;
    pair.a->start_reading(reader);
    raw.reset();
    REQUIRE(pair.until([&] { return reader.ended; }));
    CHECK(write(*pair.a, "anyone?") == Flow::blocked);
    CHECK(write(*pair.a, "anyone?") == Flow::blocked);
    CHECK(pair.a->pending_bytes() == 0);
    std::optional<Error> error;
    const Wait wait = pair.a->when_writable([&](Result<void> how) {
      REQUIRE_FALSE(how);
      error = how.error();
    });
    CHECK_FALSE(error);
    CHECK(pair.until([&] { return error.has_value(); }));
    CHECK(error->code == ErrorCode::reset);
  }
}

TEST_CASE("a connection that breaks while something is kept tells the writer") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    auto raw = pair.open_raw();
    fill(*pair.a, 100'000);
    std::optional<Error> error;
    const Wait wait = pair.a->when_writable([&](Result<void> how) {
      REQUIRE_FALSE(how);
      error = how.error();
    });
    raw.reset();
    CHECK(pair.until([&] { return error.has_value(); }));
    CHECK(error->code == ErrorCode::reset);
    CHECK(pair.a->pending_bytes() == 0);
    CHECK(write(*pair.a, "more") == Flow::blocked);
  }
}

TEST_CASE("a reader and a writer that come too late are both told, in later turns") {
  Pair pair(Kind::tcp);
  auto raw = pair.open_raw();
  Collector reader;
  pair.a->start_reading(reader);
  raw.reset();
  REQUIRE(pair.until([&] { return reader.ended; }));
  reader.ended = false;
  bool told = false;
  pair.a->start_reading(reader);
  const Wait wait = pair.a->when_writable([&](Result<void>) { told = true; });
  CHECK(pair.until([&] { return reader.ended && told; }));
}

TEST_CASE("stop_reading leaves bytes with the kernel, and start_reading goes on where it stopped") {
  Pair pair(Kind::tcp);
  auto raw = pair.open_raw();
  Collector reader;
  pair.a->start_reading(reader);
  raw.send("one");
  CHECK(pair.until([&] { return reader.bytes == "one"; }));
  pair.a->stop_reading();
  raw.send("two");
  pair.settle();
  CHECK(reader.bytes == "one");
  pair.a->start_reading(reader);
  CHECK(reader.bytes == "one");
  CHECK(pair.until([&] { return reader.bytes == "onetwo"; }));
}

TEST_CASE("another reader can take over, in the middle of a delivery too") {
  Pair pair(Kind::tcp);
  auto raw = pair.open_raw();
  Collector first;
  Collector second;
  first.then = [&] { pair.a->start_reading(second); };
  pair.a->start_reading(first);
  raw.send("one");
  CHECK(pair.until([&] { return first.bytes == "one"; }));
  raw.send("two");
  CHECK(pair.until([&] { return second.bytes == "two"; }));
  CHECK(first.bytes == "one");
}

TEST_CASE("a connection is stale when the peer has ended or broken it, or sent what nobody asked for") {
  for (const Kind kind : kKinds) {
    for (const char how : {'q', 'e', 'r', 's'}) {
      Pair pair(kind);
      auto raw = pair.open_raw();
      CHECK_FALSE(pair.a->is_stale());
      if (how == 'e') raw.close();
      if (how == 'r') raw.reset();
      if (how == 's') raw.send("HTTP/1.1 408 Request Timeout\r\n\r\n");
      CHECK(pair.a->is_stale() == (how != 'q'));
    }
  }
}

TEST_CASE("a peer that has ended or broken the connection has hung up, whatever it has sent before") {
  for (const Kind kind : kKinds) {
    for (const char how : {'q', 'e', 'r', 's'}) {
      Pair pair(kind);
      auto raw = pair.open_raw();
      CHECK_FALSE(pair.a->has_hung_up());
      raw.send("what nobody reads");
      if (how == 'e') raw.close();
      if (how == 'r') raw.reset();
      CHECK(pair.a->has_hung_up() == (how == 'e' || how == 'r'));
    }
  }
}

TEST_CASE("what a peer that had closed got is not acknowledged, and what one got that closes then is") {
  const std::string request = "POST / HTTP/1.1";
  for (const bool closes_first : {true, false}) {
    Pair pair(Kind::tcp);
    auto raw = pair.open_raw();
    if (closes_first) raw.close();
    write(*pair.a, request);
    if (!closes_first) {
      REQUIRE(raw.receive() == request);
      raw.close();
    }
    Collector reader;
    pair.a->start_reading(reader);
    CHECK(pair.until([&] { return reader.ended; }));
    CHECK(pair.a->unacknowledged() == (closes_first ? request.size() : 0));
  }
}

TEST_CASE("a transport knows its peer") {
  Pair pair(Kind::tcp);
  pair.open();
  CHECK(pair.b->peer() == pair.listening.address());
  CHECK(pair.a->peer().ip_text() == "127.0.0.1");
  CHECK(pair.a->peer().port() != pair.listening.address().port());
  Pair local(Kind::local);
  local.open();
  CHECK(local.b->peer() == local.listening.address());
  CHECK(local.a->peer().is_local());
}

TEST_CASE("small writes are never held back: both ends of a TCP connection have TCP_NODELAY") {
  Pair pair(Kind::tcp);
  pair.open();
  int connected = 0;
  for (int descriptor = 0; descriptor < 256; ++descriptor) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    if (::getpeername(descriptor, peer.get(), &peer.size) != 0 || peer.storage.ss_family != AF_INET) continue;
    int value = 0;
    socklen_t size = sizeof value;
    CHECK(::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
    CHECK(value != 0);
    ++connected;
  }
  CHECK(connected == 2);
}

}  // namespace
}  // namespace sluice::net
