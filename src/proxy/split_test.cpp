// A route's split.
#include <sluice/proxy/split.h>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

WeightedTargets ways(const std::vector<uint32_t>& weights) {
  WeightedTargets made;
  for (const uint32_t weight : weights)
    made.push_back({.pool = nullptr, .settings = nullptr, .weight = weight});
  return made;
}

/// How many of `count` requests take each way.
std::vector<int> taken(const WeightedTargets& ways, SplitSequence& turns, int count) {
  std::vector<int> counts(ways.size(), 0);
  for (int i = 0; i < count; ++i) ++counts[static_cast<size_t>(&choose_target(ways, turns) - ways.data())];
  return counts;
}

TEST_CASE("each way gets its part, and one of weight 0 nothing") {
  SplitSequence turns;
  const auto counts = taken(ways({90, 0, 10}), turns, 10'000);
  CHECK(counts[1] == 0);
  CHECK(std::abs(counts[2] - 1000) <= 5);
  CHECK(taken(ways({0, 1000}), turns, 100) == std::vector<int>{0, 100});
  CHECK(taken(ways({1}), turns, 3) == std::vector<int>{3});
}

TEST_CASE("a few requests are spread, not bunched") {
  SplitSequence turns;
  const WeightedTargets split = ways({9, 1});
  for (int run = 0; run < 50; ++run) CHECK(taken(split, turns, 25)[1] >= 1);
  for (int run = 0; run < 50; ++run) CHECK(taken(split, turns, 25)[1] <= 5);
}

TEST_CASE("generations that follow one another quickly do not favour anybody") {
  SplitSequence turns;
  int second = 0;
  for (int generation = 0; generation < 1000; ++generation) second += taken(ways({90, 10}), turns, 1)[1];
  CHECK(std::abs(second - 100) <= 5);
}

TEST_CASE("routes that take turns at requests each have their parts") {
  SplitSequence turns;
  std::vector<int> counts(3, 0);
  for (int i = 0; i < 3000; ++i) counts[static_cast<size_t>(i % 3)] += taken(ways({80, 20}), turns, 1)[1];
  for (const int count : counts) CHECK(std::abs(count - 200) <= 10);
}

}  // namespace
}  // namespace sluice::proxy
