// What holds for every policy, with dice of a fixed seed; and what is each one's own.
#include <sluice/balance/hash.h>

#include <algorithm>
#include <cmath>

#include "balance/test_tools.h"

namespace sluice::balance {
namespace {

constexpr TimePoint kNow{Duration{1000}};

/// Anything that may come.
std::vector<Candidate> any_candidates(Random& random, size_t count) {
  std::vector<Candidate> candidates = equals(count);
  for (Candidate& candidate : candidates) {
    candidate.weight = static_cast<uint32_t>(1 + random.below(random.below(2) == 0 ? 1 : 1000));
    candidate.available = random.below(3) != 0;
    candidate.is_local = random.below(2) == 0;
    candidate.priority = static_cast<uint8_t>(random.below(kPriorities));
    candidate.in_flight = static_cast<uint32_t>(random.below(random.below(2) == 0 ? 3 : 1'000'000));
    if (random.below(2) == 0)
      candidate.latency.record(kNow, Duration{static_cast<int64_t>(random.below(100'000))});
  }
  return candidates;
}

/// Every kind with every layer over it.
std::vector<Settings> all_settings() {
  std::vector<Settings> all;
  for (const Named& named : kinds()) {
    for (unsigned layers = 0; layers < 8; ++layers) {
      Settings settings = named.settings;
      settings.sticky = (layers & 1) != 0;
      settings.has_priorities = (layers & 2) != 0;
      settings.has_zones = (layers & 4) != 0;
      all.push_back(settings);
      settings.priority_share = 100;
      settings.zone_share = 0;
      settings.bound = 0;
      all.push_back(settings);
    }
  }
  return all;
}

TEST_CASE("what is not available is never chosen, and one is always chosen when there is one") {
  for (const Settings& settings : all_settings()) {
    Random random(7);
    const auto policy = make_policy(settings, 3);
    for (int i = 0; i < 2000; ++i) {
      const auto candidates = any_candidates(random, random.below(12));
      Request request{.now = kNow};
      if (random.below(2) == 0) request.key = mix(random.below(20));
      const auto choice = choose(*policy, candidates, request);
      const bool is_any = std::ranges::any_of(candidates, &Candidate::available);
      REQUIRE(choice.has_value() == is_any);
      if (choice) REQUIRE(candidates[*choice].available);
      if (random.below(10) == 0) policy->reset();
    }
  }
}

TEST_CASE("each gets its part by weight, in a pool at rest and under load") {
  for (const auto& [name, settings, by_key] : kinds()) {
    for (const size_t at_a_time : {1, 100}) {
      CAPTURE(name);
      CAPTURE(at_a_time);
      const auto policy = make_policy(settings, 0);
      Pool pool(identified({{.weight = 1}, {.weight = 2}, {.weight = 3}, {.weight = 10}}), at_a_time);
      pool.serve(*policy, 50'000, by_key);
      // Where the bound cuts off what chance brings, the light ones have less: they have more of that.
      const bool is_bounded = name == "hash" && at_a_time > 1;
      CHECK(pool.worst_error() < (name == "round_robin" ? 0.1 : is_bounded ? 15 : 5));
    }
  }
}

TEST_CASE("a changed weight is honoured at once") {
  for (const auto& [name, settings, by_key] : kinds()) {
    CAPTURE(name);
    const auto policy = make_policy(settings, 0);
    Pool pool(equals(4), 40);
    pool.serve(*policy, 1000, by_key);
    pool.candidates()[2].weight = 5;
    pool.forget_served();
    pool.serve(*policy, 40'000, by_key);
    CHECK(pool.worst_error() < 12);
  }
}

TEST_CASE("workers begin at different candidates") {
  for (const Kind kind : {Kind::round_robin, Kind::least_requests}) {
    const auto one = make_policy({.kind = kind}, 0);
    const auto other = make_policy({.kind = kind}, 1);
    CHECK(picks(*one, equals(3), 6) == "abcabc");
    CHECK(picks(*other, equals(3), 6) == "bcabca");
  }
}

// ---- least requests

TEST_CASE("the fewest requests for its weight is what counts") {
  const auto policy = make_policy({.kind = Kind::least_requests}, 0);
  CHECK(picks(*policy, {{.in_flight = 2}, {.in_flight = 1}, {.in_flight = 3}}, 3) == "bbb");
  CHECK(picks(*policy, {{.weight = 4, .in_flight = 9}, {.in_flight = 2}}, 3) == "aaa");
  CHECK(picks(*policy, {{.weight = 4, .in_flight = 10}, {.in_flight = 2}}, 3) == "bbb");
}

TEST_CASE("those that have equally few take turns by weight") {
  const auto policy = make_policy({.kind = Kind::least_requests}, 0);
  CHECK(picks(*policy, {{.weight = 5}, {}, {}}, 7) == "aabacaa");
  CHECK(picks(*policy, {{.in_flight = 1}, {}, {.in_flight = 1}, {}}, 4) == "bdbd");
}

TEST_CASE("a backend that hangs is left alone by least requests") {
  const auto policy = make_policy({.kind = Kind::least_requests}, 0);
  Pool pool(equals(3), 10);
  pool.candidates()[1].in_flight = 1000;  // They never end.
  pool.serve(*policy, 1000);
  CHECK(pool.served()[1] == 0);
}

// ---- random two

TEST_CASE("of two candidates that which answers sooner, or has less to do, is taken") {
  const auto policy = make_policy({.kind = Kind::random_two}, 0);
  auto candidates = equals(2);
  candidates[0].latency.record(kNow, Duration{40});
  candidates[1].latency.record(kNow, Duration{10});
  Request request{.now = kNow};
  CHECK(choose(*policy, candidates, request) == 1);
  candidates[1].in_flight = 9;
  CHECK(choose(*policy, candidates, request) == 0);
  candidates[1].weight = 10;
  candidates[0].in_flight = 9;
  CHECK(choose(*policy, candidates, request) == 1);
}

TEST_CASE("a backend that was slow gets some requests again after a while") {
  const auto policy = make_policy({.kind = Kind::random_two}, 0);
  auto candidates = equals(2);
  candidates[0].latency.record(kNow, Duration{1000});
  candidates[1].latency.record(kNow, Duration{10});
  const auto chosen = [&](TimePoint now) {
    candidates[1].latency.record(now, Duration{10});
    int count = 0;
    for (int i = 0; i < 100; ++i) count += choose(*policy, candidates, {.now = now}) == 0 ? 1 : 0;
    return count;
  };
  CHECK(chosen(kNow) == 0);
  CHECK(chosen(kNow + Duration{10'000}) == 0);
  CHECK(chosen(kNow + Duration{100'000}) > 0);
}

TEST_CASE("latencies that differ by noise alone do not decide") {
  const auto policy = make_policy({.kind = Kind::random_two}, 0);
  Pool pool(equals(4), 1);
  for (int i = 0; i < 4; ++i)
    pool.candidates()[static_cast<size_t>(i)].latency.record(kNow, Duration{20 + i});
  for (int i = 0; i < 20'000; ++i) pool.serve_one(*policy, {.now = kNow});
  CHECK(pool.worst_error() < 5);
}

// ---- hash

TEST_CASE("the same key goes to the same candidate, wherever that stands and whichever worker asks") {
  const auto one = make_policy({.kind = Kind::hash}, 0);
  const auto other = make_policy({.kind = Kind::hash}, 1);
  auto candidates = identified({{.weight = 1}, {.weight = 2}, {.weight = 1}, {.weight = 5}});
  const auto before = places(*one, candidates, 1000);
  CHECK(places(*other, candidates, 1000) == before);
  std::ranges::reverse(candidates);
  other->reset();
  const auto after = places(*other, candidates, 1000);
  for (size_t key = 0; key < before.size(); ++key) CHECK(after[key] == 3 - before[key]);
}

TEST_CASE("when one leaves its keys alone move, to all others; when it is back they return") {
  const auto policy = make_policy({.kind = Kind::hash}, 0);
  auto candidates = equals(10);
  const auto before = places(*policy, candidates, 20'000);
  candidates[4].available = false;
  const auto without = places(*policy, candidates, 20'000);
  std::vector<int> taken(10, 0);
  for (size_t key = 0; key < before.size(); ++key) {
    if (before[key] != 4) REQUIRE(without[key] == before[key]);
    if (before[key] == 4) ++taken[without[key]];
  }
  for (size_t i = 0; i < 10; ++i) CHECK((i == 4 ? taken[i] == 0 : taken[i] > 150));
  candidates[4].available = true;
  CHECK(places(*policy, candidates, 20'000) == before);
}

TEST_CASE("who joins, or gains weight, takes only its part, and nothing moves between others") {
  const auto policy = make_policy({.kind = Kind::hash}, 0);
  auto candidates = equals(10);
  const auto before = places(*policy, candidates, 20'000);
  size_t newcomer = 10;
  double expected = 20'000 / 11.0;
  SUBCASE("one joins") {
    candidates.push_back({.id = mix(99)});
  }
  SUBCASE("one gains weight") {
    newcomer = 3;
    candidates[newcomer].weight = 3;
    expected = 20'000 * (3 / 12.0 - 1 / 10.0);
  }
  const auto after = places(*policy, candidates, 20'000);
  double moved = 0;
  for (size_t key = 0; key < before.size(); ++key) {
    if (after[key] == before[key]) continue;
    REQUIRE(after[key] == newcomer);
    ++moved;
  }
  CHECK(std::abs(moved - expected) < expected / 10);
}

TEST_CASE("no candidate has more in flight than the bound, whatever the keys") {
  const auto policy = make_policy({.kind = Kind::hash}, 0);
  Random random(5);
  Pool pool(identified({{.weight = 1}, {.weight = 1}, {.weight = 2}, {.weight = 4}}), 100);
  for (int i = 0; i < 20'000; ++i) {
    pool.serve_one(*policy, {.key = mix(random.below(2))});
    double in_flight = 0;
    for (const Candidate& candidate : pool.candidates()) in_flight += candidate.in_flight;
    for (const Candidate& candidate : pool.candidates()) {
      const double bound = std::ceil(1.25 * in_flight * candidate.weight / 8);
      REQUIRE(candidate.in_flight <= std::max(8.0, bound));
    }
  }
}

TEST_CASE("a few requests of one key at a time stay together") {
  const auto policy = make_policy({.kind = Kind::hash}, 0);
  Pool pool(equals(10), 100);
  for (int i = 0; i < 8; ++i) pool.serve_one(*policy, {.key = mix(17)});
  CHECK(std::ranges::count(pool.served(), 8U) == 1);
  pool.serve_one(*policy, {.key = mix(17)});
  CHECK(std::ranges::count(pool.served(), 1U) == 1);
}

TEST_CASE("without a bound a key stays with its candidate whatever it has to do") {
  const auto policy = make_policy({.kind = Kind::hash, .bound = 0}, 0);
  Pool pool(equals(3), 100);
  for (int i = 0; i < 100; ++i) pool.serve_one(*policy, {.key = mix(17)});
  CHECK(std::ranges::count(pool.served(), 100U) == 1);
}

TEST_CASE("requests without a key take turns") {
  const auto policy = make_policy({.kind = Kind::hash}, 0);
  CHECK(picks(*policy, equals(3), 6) == "abcabc");
}

}  // namespace
}  // namespace sluice::balance
