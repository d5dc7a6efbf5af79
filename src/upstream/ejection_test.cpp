// Ejection: how long, how often, and whether at all.
#include <sluice/upstream/ejection.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr config::Ejection kSettings{.enabled = true, .time = seconds(10), .most_time = minutes(1)};

TEST_CASE("each ejection takes twice the time of the one before, up to a bound") {
  const TimePoint now{minutes(5)};
  Ejection ejection;
  CHECK_FALSE(ejection.is_ejected());
  for (const auto expected : {10, 20, 40, 60, 60}) {
    CHECK(ejection.begin(now, kSettings) == seconds(expected));
    CHECK(ejection.is_ejected());
    CHECK(ejection.left(now + seconds(4)) == seconds(expected - 4));
    ejection.end(now);
    CHECK_FALSE(ejection.is_ejected());
    CHECK(ejection.left(now) == Duration::zero());
  }
}

TEST_CASE("ejections are forgotten one by one while all is well") {
  const TimePoint start{minutes(5)};
  Ejection ejection;
  for (int i = 0; i < 3; ++i) ejection.begin(start, kSettings);  // The last takes 40 seconds.
  CHECK(ejection.count(start + seconds(40), kSettings) == 3);    // It is out, and proves nothing.
  const TimePoint back = start + seconds(40);
  ejection.end(back);
  CHECK(ejection.count(back + seconds(39), kSettings) == 3);
  CHECK(ejection.count(back + seconds(40), kSettings) == 2);
  CHECK(ejection.count(back + seconds(59), kSettings) == 2);
  CHECK(ejection.count(back + seconds(60), kSettings) == 1);
  CHECK(ejection.count(back + seconds(70), kSettings) == 0);
  CHECK(ejection.begin(back + seconds(60), kSettings) == seconds(20));
}

TEST_CASE("one that comes back early has to be well from then on") {
  const TimePoint start{minutes(5)};
  Ejection ejection;
  ejection.begin(start, kSettings);
  ejection.end(start + seconds(2));
  CHECK(ejection.count(start + seconds(11), kSettings) == 1);
  CHECK(ejection.count(start + seconds(12), kSettings) == 0);
  ejection.end(start + seconds(20));  // Twice is once.
  CHECK(ejection.count(start + seconds(12), kSettings) == 0);
}

TEST_CASE("what another process knew goes on") {
  const TimePoint now{minutes(5)};
  Ejection out;
  out.recall(now, 2, seconds(7));
  CHECK(out.is_ejected());
  CHECK(out.left(now) == seconds(7));
  out.end(now + seconds(7));
  CHECK(out.begin(now + seconds(8), kSettings) == seconds(40));
  Ejection back;
  back.recall(now, 2, {});
  CHECK_FALSE(back.is_ejected());
  CHECK(back.count(now, kSettings) == 2);
  back.recall(now, 4'000'000'000, {});
  CHECK(back.begin(now, kSettings) == minutes(1));
}

TEST_CASE("a share of a pool may be ejected, one in any case, and never the last that gets requests") {
  config::Ejection settings = kSettings;
  settings.share = 50;
  CHECK(may_eject(4, 0, 3, settings));
  CHECK(may_eject(4, 1, 2, settings));
  CHECK_FALSE(may_eject(4, 2, 1, settings));
  settings.share = 10;
  CHECK(may_eject(2, 0, 1, settings));  // One in any case.
  CHECK_FALSE(may_eject(9, 1, 7, settings));
  settings.share = 100;
  CHECK(may_eject(3, 1, 1, settings));
  CHECK_FALSE(may_eject(3, 2, 0, settings));
  CHECK_FALSE(may_eject(1, 0, 0, settings));
  CHECK_FALSE(may_eject(3, 0, 0, settings));  // The others are down.
}

}  // namespace
}  // namespace sluice::upstream
