// A transport may be destroyed in every state and under every one of its callbacks. What goes wrong here is
// found by the sanitizers, and by the loop, which checks at its end that every handle closed.
#include <vector>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::Collector;
using test::fill;
using test::Kind;
using test::kKinds;
using test::Pair;
using test::write;

TEST_CASE("a transport may be dropped in every state") {
  using Prepare = std::function<void(Pair&, Collector&, Wait&)>;
  const auto must_not_run = [](Result<void>) { FAIL("the callback of a dropped transport ran"); };
  const std::vector<Prepare> states = {
      [](Pair&, Collector&, Wait&) {},
      [](Pair& pair, Collector& reader, Wait&) { pair.a->start_reading(reader); },
      [](Pair& pair, Collector& reader, Wait&) {
        pair.a->start_reading(reader);
        write(*pair.b, "unread");
      },
      [](Pair& pair, Collector&, Wait&) { fill(*pair.a, 10'000); },
      [&](Pair& pair, Collector&, Wait& wait) {
        fill(*pair.a, 1'000'000);
        wait = pair.a->when_writable(must_not_run);
      },
      [&](Pair& pair, Collector&, Wait& wait) { wait = pair.a->when_writable(must_not_run); },
      [](Pair& pair, Collector&, Wait&) {
        fill(*pair.a, 10'000);
        pair.a->shutdown();
      },
      [](Pair& pair, Collector&, Wait&) { pair.a->shutdown(); },
      [](Pair& pair, Collector&, Wait&) {
        fill(*pair.a, 10'000);
        pair.a->reset_on_close();
      },
      [](Pair& pair, Collector& reader, Wait&) {
        pair.a->start_reading(reader);
        pair.b.reset();
        REQUIRE(pair.until([&] { return reader.ended; }));
      },
      [&](Pair& pair, Collector& reader, Wait& wait) {
        pair.a->start_reading(reader);
        pair.b->reset_on_close();
        write(*pair.a, "unread");
        pair.b.reset();
        REQUIRE(pair.until([&] { return reader.ended; }));
        write(*pair.a, "broken");
        pair.a->start_reading(reader);
        reader.ended = false;
        wait = pair.a->when_writable(must_not_run);
      },
  };
  for (const Kind kind : kKinds) {
    for (const auto& prepare : states) {
      Pair pair(kind);
      pair.open();
      Collector reader;
      Wait wait;
      prepare(pair, reader, wait);
      reader.then = [] { FAIL("the reader of a dropped transport was called"); };
      pair.a.reset();
      CHECK_FALSE(wait);
      pair.settle();
    }
  }
}

TEST_CASE("a transport may be dropped in on_bytes, with more to read and a write in flight") {
  for (const Kind kind : kKinds) {
    Pair pair(kind);
    pair.open();
    fill(*pair.a, 10'000);
    fill(*pair.b, 10'000);
    auto reader = std::make_unique<Collector>();
    reader->then = [&] {
      pair.a.reset();
      reader.reset();
    };
    pair.a->start_reading(*reader);
    CHECK(pair.until([&] { return !pair.a; }));
    pair.settle();
  }
}

TEST_CASE("a transport may be dropped in on_end") {
  for (const bool broken : {false, true}) {
    Pair pair(Kind::tcp);
    auto raw = pair.open_raw();
    auto reader = std::make_unique<Collector>();
    reader->then = [&] {
      CHECK(reader->error.has_value() == broken);
      pair.a.reset();
      reader.reset();
    };
    pair.a->start_reading(*reader);
    broken ? raw.reset() : raw.close();
    CHECK(pair.until([&] { return !pair.a; }));
  }
}

TEST_CASE(
    "a transport may be dropped in the callback of when_writable: at once writable, drained or broken") {
  for (const int way : {0, 1, 2}) {
    Pair pair(Kind::tcp);
    pair.open();
    if (way > 0) fill(*pair.a, 100'000);
    const Wait wait = pair.a->when_writable([&](Result<void> how) {
      CHECK(how.has_value() == (way != 2));
      pair.a.reset();
    });
    Collector reader;
    if (way == 1) pair.b->start_reading(reader);
    if (way == 2) pair.b.reset();
    CHECK(pair.until([&] { return !pair.a; }));
    pair.settle();
  }
}

TEST_CASE("the first of two that are due may drop the transport") {
  Pair pair(Kind::tcp);
  auto raw = pair.open_raw();
  Collector reader;
  pair.a->start_reading(reader);
  raw.reset();
  REQUIRE(pair.until([&] { return reader.ended; }));
  reader.then = [&] { pair.a.reset(); };
  pair.a->start_reading(reader);
  const Wait wait = pair.a->when_writable([](Result<void>) { FAIL("the transport was dropped before"); });
  CHECK(pair.until([&] { return !pair.a; }));
  pair.settle();
}

TEST_CASE("a write under the callback of when_writable goes on") {
  Pair pair(Kind::tcp);
  pair.open();
  std::string written;
  int rounds = 0;
  Wait wait;
  const std::function<void(Result<void>)> again = [&](Result<void> how) {
    REQUIRE(how);
    if (++rounds > 5) return;
    written += fill(*pair.a, 50'000);
    wait = pair.a->when_writable(again);
  };
  wait = pair.a->when_writable(again);
  Collector reader;
  pair.b->start_reading(reader);
  CHECK(pair.until([&] { return rounds == 6 && reader.bytes.size() >= written.size(); }));
  CHECK((reader.bytes == written));
}

}  // namespace
}  // namespace sluice::net
