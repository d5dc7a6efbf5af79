// What is learned of a backend's own time for idle connections.
#include <sluice/upstream/idle_lifetime.h>

#include <algorithm>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kUnproven = milliseconds(100);

/// What one worker learns, on a held clock.
struct Learned {
  void survived(Duration idle) { lifetime.survived(idle, clock.now()); }
  void closed_after(Duration idle) { lifetime.closed_after(idle, clock.now()); }
  void pass(Duration time) { clock.advance(time); }
  Duration trusted() const { return lifetime.trusted(kUnproven); }
  bool is_news(Duration idle) const { return lifetime.is_news(idle, clock.now()); }

  HeldClock clock{};
  IdleLifetime lifetime{};
};

TEST_CASE("an idle time is trusted up to three quarters of the longest that a connection lasted") {
  Learned backend;
  CHECK(backend.trusted() == kUnproven);
  backend.survived(milliseconds(4000));
  CHECK(backend.trusted() == milliseconds(3000));
  backend.survived(milliseconds(500));
  CHECK(backend.trusted() == milliseconds(3000));
  backend.survived(milliseconds(8000));
  CHECK(backend.trusted() == milliseconds(6000));
}

TEST_CASE(
    "of a short time that a connection lasted a second is not trusted, since a close may come that late") {
  Learned backend;
  backend.survived(milliseconds(1000));
  CHECK(backend.trusted() == kUnproven);
  backend.survived(milliseconds(1400));  // The backend closes after a second, and was late.
  CHECK(backend.trusted() == milliseconds(400));
}

TEST_CASE("a connection that the backend closed says how long it does not keep them") {
  Learned backend;
  backend.survived(milliseconds(8000));
  backend.closed_after(milliseconds(4000));
  CHECK(backend.trusted() == milliseconds(3000));
}

TEST_CASE("of several closes the shortest counts, whichever came last") {
  Learned backend;
  backend.survived(milliseconds(4000));
  backend.closed_after(milliseconds(4000));
  SUBCASE("one is somewhat late") {
    backend.closed_after(milliseconds(4800));
    backend.survived(milliseconds(4800));
  }
  SUBCASE("one is very late") {
    backend.closed_after(milliseconds(9000));
    backend.survived(milliseconds(9000));
  }
  CHECK(backend.trusted() == milliseconds(3000));
  CHECK(backend.lifetime.may_close_at(milliseconds(4000)));
}

TEST_CASE("a connection that outlasts a close by luck changes nothing for a minute") {
  Learned backend;
  backend.closed_after(milliseconds(4000));
  backend.pass(IdleLifetime::kHold - milliseconds(1));
  for (int i = 0; i < 500; ++i) backend.survived(milliseconds(7000));
  CHECK(backend.trusted() == milliseconds(3000));
  CHECK(backend.lifetime.may_close_at(milliseconds(4000)));
}

TEST_CASE(
    "many connections that outlast a close at the same time are not trusted for longer than it allows") {
  Learned backend;
  backend.closed_after(milliseconds(4000));
  backend.pass(IdleLifetime::kHold);
  for (int i = 0; i < 500; ++i) backend.survived(milliseconds(7000));
  CHECK(backend.trusted() == milliseconds(3750));
}

TEST_CASE("each close at the known time makes it hold for another minute") {
  Learned backend;
  for (int i = 0; i < 10; ++i) {
    backend.closed_after(milliseconds(4000 + i));
    backend.pass(IdleLifetime::kHold - milliseconds(1));
    backend.survived(milliseconds(9000));
    CHECK(backend.trusted() == milliseconds(3000));
  }
}

TEST_CASE("a backend that keeps connections longer than it did is trusted longer, little by little") {
  Learned backend;
  backend.closed_after(milliseconds(1000));
  bool are_closed_by_it = false;
  SUBCASE("as those show that last until Sluice closes them") {}
  SUBCASE("as those show that it closes later now") {
    are_closed_by_it = true;
  }
  Duration before = backend.trusted();
  int passed = 0;
  for (; backend.trusted() < seconds(36) && passed < 30; ++passed) {
    backend.pass(IdleLifetime::kHold);
    if (are_closed_by_it) backend.closed_after(seconds(60));
    backend.survived(are_closed_by_it ? seconds(59) : seconds(60));
    const Duration now = backend.trusted();
    CHECK(now <= before + std::max(before / 4, Duration{1000}) + Duration{1});
    before = now;
  }
  CHECK(passed > 10);
  CHECK(passed < 30);
}

TEST_CASE("what a restart closed early is forgotten when others last") {
  Learned backend;
  backend.survived(milliseconds(4000));
  backend.closed_after(milliseconds(3));
  CHECK(backend.trusted() == kUnproven);
  for (int i = 0; i < 20; ++i) {
    backend.pass(IdleLifetime::kHold);
    backend.survived(milliseconds(4000));
  }
  CHECK(backend.trusted() == milliseconds(3000));
}

TEST_CASE("a Keep-Alive field is believed, and what is seen believed more") {
  Learned backend;
  backend.lifetime.advertised("timeout=5, max=100");
  CHECK(backend.trusted() == milliseconds(3750));
  backend.survived(milliseconds(60'000));  // Perhaps it was late.
  CHECK(backend.trusted() == milliseconds(3750));
  backend.closed_after(milliseconds(4000));
  backend.lifetime.advertised("timeout=5");
  CHECK(backend.trusted() == milliseconds(3000));
  backend.survived(milliseconds(5000));
  CHECK(backend.trusted() == milliseconds(3000));
  backend.lifetime.advertised("max=3, Timeout=1");
  CHECK(backend.trusted() == milliseconds(750));
}

TEST_CASE("a close that is seen a moment before the announced time is one at that time") {
  Learned backend;
  backend.lifetime.advertised("timeout=2");
  REQUIRE(backend.trusted() == milliseconds(1500));
  backend.closed_after(milliseconds(1999));
  CHECK(backend.trusted() == milliseconds(1500));
  backend.closed_after(milliseconds(1899));
  CHECK(backend.trusted() == milliseconds(899));
}

TEST_CASE("a connection may be about to be closed around the time that others were closed, or was said") {
  Learned backend;
  CHECK_FALSE(backend.lifetime.may_close_at(milliseconds(60'000)));  // Nothing is known.
  backend.closed_after(milliseconds(1000));
  CHECK_FALSE(backend.lifetime.may_close_at(milliseconds(700)));
  CHECK(backend.lifetime.may_close_at(milliseconds(800)));
  CHECK(backend.lifetime.may_close_at(milliseconds(1200)));
  CHECK_FALSE(backend.lifetime.may_close_at(milliseconds(1300)));  // It was a restart that closed that one.
  backend.survived(milliseconds(1300));
  CHECK(backend.lifetime.may_close_at(milliseconds(1000)));  // Perhaps it was late.
  backend.pass(IdleLifetime::kHold);
  backend.survived(milliseconds(1300));
  CHECK_FALSE(backend.lifetime.may_close_at(milliseconds(1000)));
  backend.lifetime.advertised("timeout=5");
  backend.survived(milliseconds(8000));
  CHECK_FALSE(backend.lifetime.may_close_at(milliseconds(3000)));
  CHECK(backend.lifetime.may_close_at(milliseconds(4000)));
  CHECK(backend.lifetime.may_close_at(milliseconds(8000)));
}

TEST_CASE("whether a connection is open is asked only where something is learned from it") {
  Learned backend;
  int asked = 0;
  const auto see = [&](Duration idle) {
    if (!backend.is_news(idle)) return;
    ++asked;
    backend.survived(idle);
  };
  for (Duration idle{}; idle <= seconds(60); idle += milliseconds(1)) see(idle);
  CHECK(asked > 10);
  CHECK(asked < 60);
  CHECK(backend.trusted() > seconds(38));
  backend.closed_after(seconds(10));
  asked = 0;
  for (int i = 0; i < 1000; ++i) see(seconds(20));
  CHECK(asked == 0);
  backend.pass(IdleLifetime::kHold);
  for (int i = 0; i < 1000; ++i) see(seconds(20));
  CHECK(asked == 1);
}

TEST_CASE("a Keep-Alive field that says nothing changes nothing") {
  Learned backend;
  for (const auto* value : {"", ",", "timeout", "timeout=", "timeout=-1", "max=5", "timeout=x, max=1"}) {
    backend.lifetime.advertised(value);
    CHECK(backend.trusted() == kUnproven);
  }
}

TEST_CASE(
    "a backend that closes after each answer is known by the first one, and known again when it changes") {
  IdleLifetime backend;
  CHECK(backend.is_unknown());
  CHECK_FALSE(backend.closes_each());
  backend.closed_after_one(milliseconds(2));
  CHECK(backend.closes_each());
  backend.survived(milliseconds(999), TimePoint{});
  CHECK(backend.closes_each());
  backend.survived(milliseconds(1000), TimePoint{});
  CHECK_FALSE(backend.closes_each());
  CHECK_FALSE(backend.is_unknown());
}

TEST_CASE("a backend that keeps connections may close some after one answer, as a restart does") {
  IdleLifetime backend;
  backend.answered_again();
  for (int i = 0; i < 7; ++i) backend.closed_after_one({});
  CHECK_FALSE(backend.closes_each());
  backend.answered_again();
  for (int i = 0; i < 7; ++i) backend.closed_after_one({});
  CHECK_FALSE(backend.closes_each());
  backend.closed_after_one({});
  CHECK(backend.closes_each());
  backend.answered_again();
  CHECK_FALSE(backend.closes_each());
}

TEST_CASE("one that closes what has been idle for long closes nothing after each answer") {
  IdleLifetime backend;
  backend.closed_after_one(milliseconds(5000));
  CHECK_FALSE(backend.closes_each());
  CHECK(backend.is_unknown());
}

}  // namespace
}  // namespace sluice::upstream
