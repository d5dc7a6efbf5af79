// Backends that come back: how much they get at first, and what happens while none is there.
#include <algorithm>

#include "upstream/slow_start.h"
#include "upstream/test_tools.h"

namespace sluice::upstream {
namespace {

using std::chrono::seconds;

config::Pool slow_starting() {
  config::Pool pool;
  pool.slow_start = seconds(100);
  return pool;
}

/// How many of so many requests go to the second backend.
long part_of_second(World& world, int requests) {
  std::string picks;
  for (int i = 0; i < requests; ++i) picks += world.pick();
  return std::ranges::count(picks, '2');
}

TEST_CASE("a backend that becomes healthy gets a tenth of its weight, and more and more") {
  World world(2, slow_starting());
  world.pass(seconds(1));
  CHECK(part_of_second(world, 100) == 50);  // Was there from the beginning.
  world.states[1]->warm_up_from(world.clock.now());
  CHECK(part_of_second(world, 110) == 10);
  world.pass(seconds(50));
  CHECK(part_of_second(world, 150) == 50);
  world.pass(seconds(50));
  CHECK(part_of_second(world, 100) == 50);
}

TEST_CASE("those that begin together get the same") {
  World world(2, slow_starting());
  for (auto& state : world.states) state->warm_up_from(world.clock.now());
  CHECK(part_of_second(world, 100) == 50);
}

TEST_CASE("weights count beside the slow start") {
  config::Pool pool = slow_starting();
  pool.backends = {{.weight = 1}, {.weight = 10}};
  World world(2, pool);
  world.states[1]->warm_up_from(world.clock.now());
  CHECK(part_of_second(world, 100) == 50);  // A tenth of ten.
}

TEST_CASE("warmth grows evenly from a tenth to all") {
  const TimePoint start{seconds(5)};
  CHECK(ramp_up_percent(start, start, seconds(10)) == 10);
  CHECK(ramp_up_percent(start, start + seconds(5), seconds(10)) == 50);
  CHECK(ramp_up_percent(start, start + seconds(10), seconds(10)) == 100);
  CHECK(ramp_up_percent({}, start, seconds(10)) == 100);
}

TEST_CASE("while all are down those that are down are tried, where the pool wants that") {
  World world(2);
  for (auto& state : world.states) state->set_health(HealthState::down);
  CHECK(world.pick() == '-');
  world.reconfigure([](config::Pool& pool) { pool.when_all_down = config::WhenAllDown::try_anyway; });
  CHECK(world.pick() == '1');
  CHECK(world.pick() == '2');
  CHECK(world.pick({world.members[0].get()}) == '2');

  world.states[0]->set_health(HealthState::draining);  // Said no for itself.
  for (int i = 0; i < 4; ++i) CHECK(world.pick() == '2');
  world.members[1]->connect_failed();  // Once for each look of a probe.
  CHECK(world.pick() == '-');
  world.members[1]->checked();
  CHECK(world.pick() == '2');
  world.states[0]->set_health(HealthState::healthy);
  for (int i = 0; i < 4; ++i) CHECK(world.pick() == '1');
}

TEST_CASE("who waits is served by one that is down as soon as it may be tried again") {
  config::Pool settings;
  settings.when_all_down = config::WhenAllDown::try_anyway;
  World world(1, settings);
  world.states[0]->set_health(HealthState::down);
  world.members[0]->connect_failed();
  Waiter waiter(world);
  world.pass(Duration{10});
  CHECK_FALSE(waiter.lease);
  world.members[0]->checked();
  world.pool.wake();
  CHECK(waiter.lease);
}

}  // namespace
}  // namespace sluice::upstream
