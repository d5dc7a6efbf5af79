// What is learned of a backend's own time for idle connections.
#include <sluice/upstream/idle_lifetime.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;

constexpr Duration kUnproven = milliseconds(100);

TEST_CASE("an idle time is trusted up to three quarters of the longest that a connection lasted") {
  IdleLifetime backend;
  CHECK(backend.trusted(kUnproven) == kUnproven);
  backend.survived(milliseconds(1000));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
  backend.survived(milliseconds(500));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
  backend.survived(milliseconds(4000));
  CHECK(backend.trusted(kUnproven) == milliseconds(3000));
}

TEST_CASE("a connection that the backend closed says how long it does not keep them") {
  IdleLifetime backend;
  backend.survived(milliseconds(4000));
  backend.closed_after(milliseconds(1000));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
}

TEST_CASE("what a restart closed early is forgotten when others last") {
  IdleLifetime backend;
  backend.survived(milliseconds(4000));
  backend.closed_after(milliseconds(3));
  CHECK(backend.trusted(kUnproven) == kUnproven);
  backend.survived(milliseconds(2000));
  CHECK(backend.trusted(kUnproven) == milliseconds(1500));
}

TEST_CASE("a Keep-Alive field is believed, and what is seen believed more") {
  IdleLifetime backend;
  backend.advertised("timeout=5, max=100");
  CHECK(backend.trusted(kUnproven) == milliseconds(3750));
  backend.survived(milliseconds(60'000));  // Perhaps it was late.
  CHECK(backend.trusted(kUnproven) == milliseconds(3750));
  backend.closed_after(milliseconds(2000));
  backend.advertised("timeout=5");
  CHECK(backend.trusted(kUnproven) == milliseconds(1500));
  backend.advertised("max=3, Timeout=1");
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
}

TEST_CASE("a connection may be about to be closed around the time that others were closed, or was said") {
  IdleLifetime backend;
  CHECK_FALSE(backend.may_close_at(milliseconds(60'000)));  // Nothing is known.
  backend.closed_after(milliseconds(1000));
  CHECK_FALSE(backend.may_close_at(milliseconds(700)));
  CHECK(backend.may_close_at(milliseconds(800)));
  CHECK(backend.may_close_at(milliseconds(1200)));
  CHECK_FALSE(backend.may_close_at(milliseconds(1300)));  // It was a restart that closed that one.
  backend.survived(milliseconds(1300));
  CHECK_FALSE(backend.may_close_at(milliseconds(1000)));
  backend.advertised("timeout=5");
  backend.survived(milliseconds(8000));
  CHECK_FALSE(backend.may_close_at(milliseconds(3000)));
  CHECK(backend.may_close_at(milliseconds(4000)));
  CHECK(backend.may_close_at(milliseconds(8000)));
}

TEST_CASE("a Keep-Alive field that says nothing changes nothing") {
  IdleLifetime backend;
  for (const auto* value : {"", ",", "timeout", "timeout=", "timeout=-1", "max=5", "timeout=x, max=1"}) {
    backend.advertised(value);
    CHECK(backend.trusted(kUnproven) == kUnproven);
  }
}

TEST_CASE(
    "a backend that closes after each answer is known by the first one, and known again when it changes") {
  IdleLifetime backend;
  CHECK(backend.is_unknown());
  CHECK_FALSE(backend.closes_each());
  backend.closed_after_one(milliseconds(2));
  CHECK(backend.closes_each());
  backend.survived(milliseconds(999));
  CHECK(backend.closes_each());
  backend.survived(milliseconds(1000));
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
