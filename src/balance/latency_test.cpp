// The average that forgets.
#include <sluice/balance/latency.h>

#include <doctest/doctest.h>

namespace sluice::balance {
namespace {

constexpr TimePoint kStart{Duration{1000}};

TEST_CASE("the first answer is the average, and nothing known is the least") {
  Latency latency;
  CHECK(latency.at(kStart) == 1);
  latency.record(kStart, Duration{80});
  CHECK(latency.at(kStart) == doctest::Approx(80));
}

TEST_CASE("what is new counts the more the longer ago the old is") {
  Latency latency;
  latency.record(kStart, Duration{100});
  Latency later = latency;
  latency.record(kStart + Duration{100}, Duration{10});
  later.record(kStart + Duration{10'000}, Duration{10});
  CHECK(latency.at(kStart + Duration{100}) == doctest::Approx(99.1).epsilon(0.01));
  CHECK(later.at(kStart + Duration{10'000}) == doctest::Approx(43.1).epsilon(0.01));
}

TEST_CASE("it sinks while nothing comes, down to the least") {
  Latency latency;
  latency.record(kStart, Duration{100});
  CHECK(latency.at(kStart + Duration{10'000}) == doctest::Approx(36.8).epsilon(0.01));
  CHECK(latency.at(kStart + Duration{600'000}) == 1);
}

TEST_CASE("answers of less than a millisecond are alike") {
  Latency latency;
  latency.record(kStart, Duration{0});
  CHECK(latency.at(kStart) == 1);
}

}  // namespace
}  // namespace sluice::balance
