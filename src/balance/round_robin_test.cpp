// Smooth weighted round robin.
#include "balance/round_robin.h"

#include <algorithm>
#include <map>

#include "balance/test_tools.h"

namespace sluice::balance {
namespace {

TEST_CASE("round robin honours weights by spreading turns, not bunching them") {
  RoundRobin policy;
  CHECK(picks(policy, {{.weight = 5}, {.weight = 1}, {.weight = 1}}, 7) == "aabacaa");
}

TEST_CASE("equal weights take turns") {
  RoundRobin policy;
  CHECK(picks(policy, {{}, {}, {}}, 6) == "abcabc");
}

TEST_CASE("a worker with another start begins elsewhere and still takes turns") {
  RoundRobin policy(1);
  CHECK(picks(policy, {{}, {}, {}}, 6) == "bcabca");
}

TEST_CASE("over every round each candidate gets exactly its weight") {
  RoundRobin policy(3);
  const std::vector<Candidate> candidates = {{.weight = 7}, {.weight = 2}, {.weight = 4}, {.weight = 1}};
  for (int round = 0; round < 50; ++round) {
    std::map<char, int> turns;
    for (const char c : picks(policy, candidates, 14)) ++turns[c];
    CHECK(turns == std::map<char, int>{{'a', 7}, {'b', 2}, {'c', 4}, {'d', 1}});
  }
}

TEST_CASE("round robin passes over what is not available") {
  RoundRobin policy;
  CHECK(picks(policy, {{}, {.available = false}, {}}, 4) == "acac");
  CHECK(picks(policy, {{.available = false}, {.available = false}}, 2) == "--");
  CHECK(picks(policy, {}, 2) == "--");
}

TEST_CASE("a candidate that was away does not catch up in a burst") {
  RoundRobin policy;
  const std::vector<Candidate> without_b = {{}, {.available = false}};
  picks(policy, without_b, 100);
  CHECK(picks(policy, {{}, {}}, 6).find("bb") == std::string::npos);
}

TEST_CASE("weights that become smaller, or of another unit, make no burst") {
  RoundRobin policy;
  picks(policy, {{.weight = 1000}, {.weight = 1000}}, 7);
  const std::string after = picks(policy, {{.weight = 1}, {.weight = 1}}, 10);
  CHECK(after.find("aaa") == std::string::npos);
  CHECK(after.find("bbb") == std::string::npos);
  RoundRobin uneven;
  picks(uneven, {{.weight = 100}, {.weight = 900}, {.weight = 500}}, 5);
  const std::string scaled = picks(uneven, {{.weight = 1}, {.weight = 9}, {.weight = 5}}, 30);
  CHECK(std::ranges::count(scaled, 'a') >= 1);
  CHECK(std::ranges::count(scaled, 'a') <= 3);
  CHECK(std::ranges::count(scaled, 'b') >= 16);
}

TEST_CASE("a changed number of candidates starts anew") {
  RoundRobin policy;
  picks(policy, {{.weight = 5}, {}}, 3);
  CHECK(picks(policy, {{}, {}, {}}, 3) == "abc");
}

}  // namespace
}  // namespace sluice::balance
