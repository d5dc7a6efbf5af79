// Backends that fall again and again.
#include <sluice/upstream/flapping.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("it flaps from the fifth fall within a minute on") {
  Flapping flapping;
  TimePoint now{minutes(5)};
  for (int i = 0; i < 4; ++i) CHECK_FALSE(flapping.fell(now += seconds(10)));
  CHECK_FALSE(flapping.is_flapping());
  CHECK(flapping.passes_needed(2, seconds(1)) == 2);
  CHECK(flapping.fell(now += seconds(10)));
  CHECK(flapping.is_flapping());
  CHECK_FALSE(flapping.fell(now += seconds(10)));  // Is reported once.
}

TEST_CASE("falls that are far apart are none of it, however many") {
  Flapping flapping;
  TimePoint now{minutes(5)};
  for (int i = 0; i < 20; ++i) CHECK_FALSE(flapping.fell(now += seconds(16)));
  CHECK_FALSE(flapping.is_flapping());
}

TEST_CASE("passes that are needed double with each fall, up to what a minute holds") {
  Flapping flapping;
  const TimePoint now{minutes(5)};
  for (int i = 0; i < 4; ++i) flapping.fell(now);
  for (const unsigned expected : {4U, 8U, 16U, 32U, 60U, 60U}) {
    flapping.fell(now);
    CHECK(flapping.passes_needed(2, seconds(1)) == expected);
  }
  for (int i = 0; i < 1000; ++i) flapping.fell(now);
  CHECK(flapping.passes_needed(2, Duration{100}) == 600);
  CHECK(flapping.passes_needed(1000, seconds(10)) == 1000);  // Never fewer than without it.
  CHECK(flapping.passes_needed(1, Duration::zero()) == 60'000);
}

TEST_CASE("it ends with a minute in which there was neither a fall nor a probe that failed behind a pass") {
  Flapping flapping;
  TimePoint now{minutes(5)};
  CHECK_FALSE(flapping.calmed_down(now));
  for (int i = 0; i < 5; ++i) flapping.fell(now);
  CHECK_FALSE(flapping.calmed_down(now + seconds(59)));
  flapping.wavered(now += seconds(59));
  CHECK_FALSE(flapping.calmed_down(now + seconds(59)));
  CHECK(flapping.calmed_down(now + seconds(60)));
  CHECK_FALSE(flapping.is_flapping());
  CHECK_FALSE(flapping.calmed_down(now + seconds(60)));  // Is reported once.
  CHECK_FALSE(flapping.fell(now + seconds(60)));         // Begins at nothing.
}

}  // namespace
}  // namespace sluice::upstream
