// A backend that says in a response that it drains.
#include <sluice/upstream/drain_hold.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using Kind = ProbeResult::Kind;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(100)};

TEST_CASE("passes count for nothing until its time is over") {
  DrainHold said;
  CHECK(said.believes(kStart, Kind::passed));
  said.begin(kStart, seconds(30));
  CHECK_FALSE(said.believes(kStart, Kind::passed));
  CHECK_FALSE(said.believes(kStart + seconds(29), Kind::passed));
  CHECK(said.left(kStart + seconds(29)) == seconds(1));
  said.begin(kStart + seconds(29), seconds(30));  // Again.
  CHECK_FALSE(said.believes(kStart + seconds(58), Kind::passed));
  CHECK(said.believes(kStart + seconds(59), Kind::passed));
  CHECK(said.left(kStart + seconds(59)) == Duration::zero());
}

TEST_CASE("a probe that fails, or says draining, ends it: what comes then is another life") {
  for (const Kind kind : {Kind::failed, Kind::draining}) {
    DrainHold said;
    said.begin(kStart, seconds(30));
    CHECK(said.believes(kStart + seconds(1), kind));
    CHECK_FALSE(said.holds(kStart + seconds(1)));
    CHECK(said.believes(kStart + seconds(2), Kind::passed));
  }
}

}  // namespace
}  // namespace sluice::upstream
