// Room at a backend: which worker's turn it is, and which request is served.
#include <sluice/upstream/affinity.h>

#include "upstream/test_tools.h"

namespace sluice::upstream {
namespace {

/// Passes the turns at a backend round between two workers until neither has one; how many those were.
int take_turns(World& one, World& other, const BackendState& state) {
  int turns = 0;
  while (turns < 20 && one.rooms.size() + other.rooms.size() > 0) {
    World& from = one.rooms.empty() ? other : one;
    World& next = from.rooms.back() == one.worker ? one : other;
    from.rooms.pop_back();
    next.pool.slot_freed(state);
    ++turns;
  }
  return turns;
}

TEST_CASE("a worker whose requests cannot have a backend takes no other worker's turn there") {
  World one(2, bounded({1, 1}), 0, 2);
  World other(2, bounded({1, 1}), 1, 2, &one);
  const auto configure = [&](bool is_sticky) {
    for (World* each : {&one, &other}) {
      each->reconfigure([&](config::Pool& pool) {
        pool.backends[0].weight = 0;
        if (is_sticky) pool.balance.policy = config::BalancePolicy::sticky_cookie;
      });
    }
  };
  std::optional<Lease> first;
  std::optional<Lease> second;
  const auto take_both = [&] {
    first = one.pool.try_pick(one.own());
    second = one.pool.try_pick({});
    REQUIRE((first && second));
  };
  SUBCASE("its weight is 0") {
    configure(false);
    take_both();
    const Waiter any(other);
    const Waiter bound(one, one.own());
    first.reset();
    CHECK(take_turns(one, other, *one.states[0]) < 3);
    CHECK(bound.lease);
    CHECK_FALSE(any.lease);
  }
  SUBCASE("its weight is 0, and it comes back with a reload") {
    configure(false);
    take_both();
    const Waiter any(other);
    other.reconfigure([](config::Pool& pool) { pool.backends[0].weight = 1; });
    first.reset();
    take_turns(one, other, *one.states[0]);
    CHECK(any.lease);
  }
  SUBCASE("its weight is 0, but a sticky client's request waits there") {
    configure(true);
    take_both();
    const uint64_t id = backend_id(one.config->balance, World::address(0));
    const Waiter any(other);
    const Waiter sticky(other, {.key = id});
    first.reset();
    CHECK(take_turns(one, other, *one.states[0]) < 3);
    CHECK(sticky.lease);
    CHECK_FALSE(any.lease);
  }
}

TEST_CASE("a worker that a backend has refused a connection takes no other worker's turn there") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  const Waiter refused(other);
  const Waiter waiter(one);
  other.members[0]->connect_failed();
  lease.reset();
  CHECK(take_turns(one, other, *one.states[0]) < 3);
  CHECK(waiter.lease);
  CHECK_FALSE(refused.lease);
}

TEST_CASE("one that waits for a backend of its own hears of room elsewhere once that refuses connections") {
  World world(2, bounded({1, 1}));
  auto own = world.pool.try_pick(world.own());
  auto other = world.pool.try_pick({});
  const Waiter waiter(world, world.own());
  world.pass(Duration{10});
  SUBCASE("room that comes later") {
    world.members[0]->connect_failed();
    world.pass(Duration{10});
    other.reset();
    REQUIRE(world.rooms == std::vector<unsigned>{0});
    world.pool.slot_freed(*world.states[1]);
  }
  SUBCASE("room that is there") {
    other.reset();
    world.members[0]->connect_failed();
    CHECK_FALSE(waiter.lease);  // The request that met the refusal is in the middle of something.
    world.pass(Duration{10});
  }
  REQUIRE(waiter.lease);
  CHECK(World::digit(*waiter.lease) == '2');
}

TEST_CASE("room that comes before the other workers know that it is waited for is found all the same") {
  World one(3, bounded({1, 1, 1}), 0, 2);
  World other(3, bounded({1, 1, 1}), 1, 2, &one);
  std::optional<Lease> leases[3];
  for (size_t i = 0; i < 3; ++i) leases[i] = other.pool.try_pick({.only = other.members[i].get()});
  std::optional<Waiter> bound;
  std::optional<Lease> kept;
  QueueEntry place;
  const Wait wait = one.pool.wait_for_backend(place, {}, Duration{5000}, [&](Result<Lease> lease) {
    kept = *std::move(lease);
    bound.emplace(one, one.own());
    one.states[0]->set_health(HealthState::down);
    leases[1].reset();
  });
  leases[2].reset();
  one.rooms.clear();
  other.rooms.clear();
  one.pool.wake();
  REQUIRE(bound);
  one.pass(Duration{10});
  CHECK(other.rooms.empty());
  REQUIRE(bound->lease);
  CHECK(World::digit(*bound->lease) == '2');
}

}  // namespace
}  // namespace sluice::upstream
