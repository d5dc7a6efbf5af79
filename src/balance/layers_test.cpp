// What goes before a policy: sticky cookies, priorities, zones.
#include <algorithm>

#include "balance/test_tools.h"

namespace sluice::balance {
namespace {

/// How many of `count` go to each.
std::vector<int> counted(Policy& policy, const std::vector<Candidate>& candidates, int count) {
  std::vector<int> counts(candidates.size(), 0);
  for (int i = 0; i < count; ++i) ++counts[choose(policy, candidates).value()];
  return counts;
}

bool is_near(double value, double expected) {
  return std::abs(value - expected) < 0.05 * expected + 20;
}

// ---- sticky

TEST_CASE("a client stays with its backend, and goes by the policy when that is away or unknown") {
  const auto policy = make_policy({.sticky = true}, 0);
  auto candidates = equals(3);
  for (int i = 0; i < 5; ++i) CHECK(choose(*policy, candidates, {.key = candidates[1].id}) == 1);
  CHECK(picks(*policy, candidates, 3) == "abc");
  candidates[1].available = false;
  std::string elsewhere;
  for (int i = 0; i < 4; ++i) {
    elsewhere += static_cast<char>('a' + *choose(*policy, candidates, {.key = candidates[1].id}));
  }
  CHECK(elsewhere == "acac");
  CHECK(choose(*policy, candidates, {.key = 4711}).has_value());
}

TEST_CASE("a session on a stand-by, or in another zone, stays there") {
  const auto policy = make_policy({.sticky = true, .has_priorities = true, .has_zones = true}, 0);
  auto candidates = equals(2);
  candidates[0].is_local = true;
  candidates[1].priority = 1;
  CHECK(choose(*policy, candidates, {.key = candidates[1].id}) == 1);
  CHECK(picks(*policy, candidates, 2) == "aa");
}

// ---- priorities

TEST_CASE("a group gets requests only when all groups before it are away") {
  const auto policy = make_policy({.has_priorities = true}, 0);
  std::vector<Candidate> candidates = {{}, {}, {.priority = 1}, {.priority = 1}, {.priority = 9}};
  CHECK(picks(*policy, candidates, 4) == "abab");
  candidates[0].available = false;
  CHECK(picks(*policy, candidates, 4) == "bbbb");
  candidates[1].available = false;
  CHECK(picks(*policy, candidates, 4) == "cdcd");
  candidates[2].available = candidates[3].available = false;
  CHECK(picks(*policy, candidates, 2) == "ee");
  candidates[0].available = true;
  CHECK(picks(*policy, candidates, 2) == "aa");
}

TEST_CASE("with a share the next group takes what is missing, and no group more than it has") {
  const auto policy = make_policy({.has_priorities = true, .priority_share = 80}, 0);
  std::vector<Candidate> candidates(10);
  for (size_t i = 5; i < 10; ++i) candidates[i].priority = 1;
  candidates[0].available = false;  // 80% are left: enough
  auto counts = counted(*policy, candidates, 4000);
  CHECK(std::ranges::count(counts, 1000) == 4);
  candidates[1].available = candidates[2].available = false;  // 40%: half of what is enough
  counts = counted(*policy, candidates, 4000);
  CHECK(is_near(counts[3] + counts[4], 2000));
  CHECK(is_near(counts[5], 400));
}

TEST_CASE("when no group has enough, what none takes goes to the first that has anybody") {
  const auto policy = make_policy({.has_priorities = true, .priority_share = 100}, 0);
  std::vector<Candidate> candidates(8);
  for (size_t i = 4; i < 8; ++i) candidates[i].priority = 1;
  for (const size_t away : {0, 1, 4, 5}) candidates[away].available = false;
  const auto counts = counted(*policy, candidates, 4000);
  CHECK(is_near(counts[2] + counts[3], 3000));
  CHECK(is_near(counts[6] + counts[7], 1000));
}

// ---- zones

TEST_CASE("the near ones take all while enough of them are available, then what they can") {
  const auto policy = make_policy({.has_zones = true, .zone_share = 75}, 0);
  std::vector<Candidate> candidates(8);
  for (size_t i = 0; i < 4; ++i) candidates[i].is_local = true;
  CHECK(picks(*policy, candidates, 5) == "abcda");
  candidates[0].available = false;
  CHECK(picks(*policy, candidates, 6).find_first_of("aefgh") == std::string::npos);
  candidates[1].available = false;  // half of them, two thirds of what is enough
  const auto counts = counted(*policy, candidates, 3000);
  CHECK(is_near(counts[2] + counts[3], 2000));
  CHECK(is_near(counts[4] + counts[5] + counts[6] + counts[7], 1000));
  candidates[2].available = candidates[3].available = false;
  CHECK(picks(*policy, candidates, 4).find_first_of("abcd") == std::string::npos);
}

TEST_CASE("the zone counts within a priority, and never before it") {
  const auto policy = make_policy({.has_priorities = true, .has_zones = true}, 0);
  std::vector<Candidate> candidates = {{}, {.is_local = true, .priority = 1}, {.priority = 1}};
  CHECK(picks(*policy, candidates, 3) == "aaa");
  candidates[0].available = false;
  CHECK(picks(*policy, candidates, 3) == "bbb");
}

TEST_CASE("of a key it is always the same group that takes it, whichever worker asks") {
  const Settings settings{.kind = Kind::hash, .has_priorities = true, .priority_share = 100};
  const auto one = make_policy(settings, 0);
  const auto other = make_policy(settings, 1);
  auto candidates = equals(4);
  candidates[1].available = false;
  candidates[2].priority = candidates[3].priority = 1;
  const auto chosen = places(*one, candidates, 1000);
  CHECK(places(*one, candidates, 1000) == chosen);
  CHECK(places(*other, candidates, 1000) == chosen);
  CHECK(is_near(static_cast<double>(std::ranges::count(chosen, 0U)), 500));
}

}  // namespace
}  // namespace sluice::balance
