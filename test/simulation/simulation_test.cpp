// Real connections and exchanges in an in-memory world, seeded: SLUICE_SEED=N replays one run, SLUICE_RUNS=N
// sets how many there are.
#include <malloc.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "run.h"

#include <doctest/doctest.h>

namespace sluice::simulation {
namespace {

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

/// A CHECK that fails aborts; this says which seed it was.
uint64_t current_seed = 0;
void say_seed(int) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "simulation: replay with SLUICE_SEED=%llu\n",
                                 static_cast<unsigned long long>(current_seed));
  std::fwrite(text, 1, static_cast<size_t>(size), stderr);
}

TEST_CASE("whatever fails and in whatever order, each request is answered once and nothing leaks") {
  std::signal(SIGABRT, say_seed);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 26);  // Each run frees what the next one needs.
  const char* one = std::getenv("SLUICE_SEED");
  const uint64_t first = from_environment("SLUICE_SEED", 1);
  const uint64_t runs = one != nullptr ? 1 : from_environment("SLUICE_RUNS", 100'000);
  for (current_seed = first; current_seed < first + runs; ++current_seed) World(current_seed).play();
  CHECK(current_seed == first + runs);
}

TEST_CASE("a seed replays: the same numbers come from it every time") {
  Random one(42);
  Random two(42);
  for (int i = 0; i < 100; ++i) REQUIRE(one.next() == two.next());
}

}  // namespace
}  // namespace sluice::simulation
