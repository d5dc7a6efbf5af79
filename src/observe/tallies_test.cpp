#include <sluice/observe/tallies.h>

#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

TEST_CASE("events are summed by pool, version and cause, over the workers") {
  Tallies one;
  Tallies two;
  one.of("shop", "v1").add(Event::retried, Cause::backend_closed);
  one.of("shop", "v1").add(Event::retried, Cause::backend_closed);
  one.of("shop", "v2").add(Event::retried, Cause::backend_closed);
  two.of("shop", "v1").add(Event::retried, Cause::backend_closed);
  two.of("shop", "").add(Event::held, Cause::queue_timeout);
  TallySums sums;
  one.add_to(sums);
  two.add_to(sums);
  CHECK(sums.size() == 3);
  CHECK(sums[{"shop", "v1", Event::retried, "backend_closed"}] == 3);
  CHECK(sums[{"shop", "v2", Event::retried, "backend_closed"}] == 1);
  CHECK(sums[{"shop", "", Event::held, "queue_timeout"}] == 1);
}

TEST_CASE("versions without end are counted as others in the end") {
  Tallies tallies;
  for (size_t i = 0; i < Tallies::kMost + 5; ++i) {
    tallies.of("shop", std::to_string(i)).add(Event::cut, Cause::backend_incomplete);
  }
  TallySums sums;
  tallies.add_to(sums);
  CHECK(sums.size() == Tallies::kMost + 1);
  CHECK(sums[{std::string(Tallies::kOthers), "", Event::cut, "backend_incomplete"}] == 5);
}

TEST_CASE("sums may be read while a worker counts") {
  Tallies tallies;
  std::thread worker([&] {
    for (int i = 0; i < 2000; ++i) {
      tallies.of("shop", std::to_string(i % 50)).add(Event::held, Cause::ok);
    }
  });
  uint64_t last = 0;
  while (last < 2000) {
    TallySums sums;
    tallies.add_to(sums);
    uint64_t sum = 0;
    for (const auto& [key, count] : sums) sum += count;
    REQUIRE(sum >= last);
    last = sum;
  }
  worker.join();
}

}  // namespace
}  // namespace sluice::observe
