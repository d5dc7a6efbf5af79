// Retries are a share of the requests, and a few a second.
#include <sluice/upstream/retry_budget.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;

struct Load {
  HeldClock clock;
  RetryBudget budget{clock.now()};

  /// Every request of so many a second fails and wants to be tried again; how many may.
  uint64_t storm(unsigned a_second, unsigned for_s) {
    uint64_t taken = 0;
    for (unsigned i = 0; i < for_s * 10; ++i) {
      clock.advance(milliseconds(100));
      for (unsigned k = 0; k < a_second / 10; ++k) {
        budget.count_request();
        if (budget.take(clock.now())) ++taken;
      }
    }
    return taken;
  }
};

TEST_CASE("in a storm only a share of the requests is tried again") {
  Load load;
  load.budget.set(20, 0);
  load.storm(1000, 10);
  const auto taken = load.storm(1000, 60);
  CHECK(taken >= 11'000);
  CHECK(taken <= 12'300);
}

TEST_CASE("a minimum that many workers share still allows one retry from time to time") {
  Load load;
  load.budget.set(0, 1.0 / 16);
  uint64_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    load.clock.advance(std::chrono::seconds(20));
    if (load.budget.take(load.clock.now())) ++taken;
  }
  CHECK(taken == 100);
  load.budget.set(0, 0);
  load.clock.advance(std::chrono::seconds(20));
  CHECK_FALSE(load.budget.take(load.clock.now()));
}

TEST_CASE("however few requests there are, some a second are tried again") {
  Load load;
  load.budget.set(0, 10);
  load.storm(1000, 10);  // What was saved up is gone.
  const auto taken = load.storm(1000, 60);
  CHECK(taken >= 590);
  CHECK(taken <= 610);
}

TEST_CASE("what is saved up is worth ten seconds, however long nothing failed") {
  Load load;
  load.budget.set(20, 10);
  load.budget.take(load.clock.now());
  for (int i = 0; i < 100; ++i) {
    load.clock.advance(milliseconds(60'000));
    for (int k = 0; k < 6000; ++k) load.budget.count_request();  // 100 a second.
  }
  uint64_t taken = 0;
  while (load.budget.take(load.clock.now())) ++taken;
  CHECK(taken >= 299);
  CHECK(taken <= 301);
}

TEST_CASE("a budget of nothing allows nothing") {
  Load load;
  load.budget.set(0, 0);
  CHECK(load.storm(100, 5) == 0);
}

}  // namespace
}  // namespace sluice::upstream
