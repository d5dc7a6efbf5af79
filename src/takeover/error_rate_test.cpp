// When a new process counts as worse than its predecessor.
#include <sluice/takeover/error_rate.h>

#include <doctest/doctest.h>

namespace sluice::takeover {
namespace {

using observe::Disposition;
using namespace std::chrono_literals;

const config::Probation kDefault{.time = 30s, .failures = 10, .percent = 1};

bool worse(const ErrorRate& before, const ErrorRate& now, const config::Probation& probation = kDefault) {
  return is_worse(before, now, probation);
}

TEST_CASE("failures are those of Sluice and its backends; what clients have spoiled or left does not count") {
  observe::Totals totals{.accepted = 1000};
  const auto end = [&](Disposition disposition, uint64_t times) {
    totals.ended[static_cast<size_t>(disposition)] = times;
  };
  end(Disposition::ok, 20);
  end(Disposition::client_abort, 50);
  end(Disposition::failed_bad_request, 100);
  end(Disposition::failed_client_timeout, 200);
  end(Disposition::failed_no_route, 400);
  CHECK(error_rate_of(totals) == ErrorRate{.answers = 20, .failures = 0});
  end(Disposition::backend_error, 1);
  end(Disposition::failed_unavailable, 2);
  end(Disposition::failed_stopped, 4);
  CHECK(error_rate_of(totals) == ErrorRate{.answers = 27, .failures = 7});
  CHECK(error_rate_of({}) == ErrorRate{});
}

TEST_CASE("a few failures are not enough, whatever their share") {
  CHECK_FALSE(worse({.answers = 1000}, {.answers = 9, .failures = 9}));
  CHECK(worse({.answers = 1000}, {.answers = 10, .failures = 10}));
  CHECK(worse({.answers = 1000}, {.answers = 3, .failures = 3}, {.failures = 3, .percent = 1}));
}

TEST_CASE("a process after one without failures may fail one in a hundred") {
  CHECK_FALSE(worse({.answers = 1000}, {.answers = 2000, .failures = 20}));
  CHECK(worse({.answers = 1000}, {.answers = 2000, .failures = 21}));
  CHECK(worse({.answers = 1000}, {.answers = 2000, .failures = 20}, {.failures = 10, .percent = 0}));
}

TEST_CASE("a process that fails as the one before did is not worse, nor one that fails up to twice as much") {
  const ErrorRate before{.answers = 1000, .failures = 100};
  CHECK_FALSE(worse(before, {.answers = 1000, .failures = 100}));
  CHECK_FALSE(worse(before, {.answers = 1000, .failures = 210}));
  CHECK(worse(before, {.answers = 1000, .failures = 211}));
}

TEST_CASE("where the one before answered nothing there is nothing to be worse than but none") {
  CHECK_FALSE(worse({}, {}));
  CHECK_FALSE(worse({}, {.answers = 100'000, .failures = 10}));
  CHECK(worse({}, {.answers = 100, .failures = 10}));
}

TEST_CASE("where most failed before, none can be worse") {
  CHECK_FALSE(worse({.answers = 100, .failures = 60}, {.answers = 100, .failures = 100}));
}

TEST_CASE("what counts of a process is its last minute, as far as it is known") {
  RecentErrorRates recent;
  const TimePoint start{};
  CHECK(recent.until({.answers = 7, .failures = 1}) == ErrorRate{.answers = 7, .failures = 1});
  recent.note(start, {.answers = 10, .failures = 5});
  recent.note(start + 60s, {.answers = 20, .failures = 6});
  CHECK(recent.until({.answers = 30, .failures = 6}) == ErrorRate{.answers = 20, .failures = 1});
  recent.note(start + 61s, {.answers = 30, .failures = 6});
  CHECK(recent.until({.answers = 31, .failures = 7}) == ErrorRate{.answers = 11, .failures = 1});
}

TEST_CASE("figures are told in words") {
  CHECK(words({.answers = 40, .failures = 2}, "before_") == " before_answers=40 before_failures=2");
}

}  // namespace
}  // namespace sluice::takeover
