// What a pool's balance and its backends' bounds make of picking.
#include <sluice/upstream/affinity.h>

#include <set>

#include "upstream/test_tools.h"

namespace sluice::upstream {
namespace {

using config::BalancePolicy;

config::Pool with(config::Balance balance) {
  config::Pool pool;
  pool.balance = std::move(balance);
  return pool;
}

TEST_CASE("least requests counts what other workers have in flight, too") {
  World one(2, with({.policy = BalancePolicy::least_requests}), 0, 2);
  World other(2, with({.policy = BalancePolicy::least_requests}), 1, 2, &one);
  const auto first = one.pool.try_pick({});
  REQUIRE(first);
  const char second = World::digit(*first) == '1' ? '2' : '1';
  CHECK(other.pick() == second);
  CHECK(other.pick() == second);
}

TEST_CASE("a key finds the same backend on every worker, and another policy by a reload") {
  World one(5, with({.policy = BalancePolicy::hash}), 0, 2);
  World other(5, with({.policy = BalancePolicy::hash}), 1, 2, &one);
  std::set<char> used;
  for (int i = 0; i < 50; ++i) {
    const uint64_t key = key_of("user" + std::to_string(i));
    const char where = one.pick({}, key);
    CHECK(other.pick({}, key) == where);
    used.insert(where);
  }
  CHECK(used.size() == 5);
  one.reconfigure([](config::Pool& pool) { pool.balance = {}; });
  std::string turns;
  for (int i = 0; i < 5; ++i) turns += one.pick({}, 17);
  CHECK(turns == "12345");
}

TEST_CASE("the slower backend gets fewer requests by random two") {
  World world(2, with({.policy = BalancePolicy::random_two}));
  world.members[0]->answered(world.clock.now(), Duration{100});
  world.members[1]->answered(world.clock.now(), Duration{10});
  for (int i = 0; i < 20; ++i) CHECK(world.pick() == '2');
}

TEST_CASE("a sticky client stays, and gets another cookie only when its backend is gone") {
  const config::Balance balance{.policy = BalancePolicy::sticky_cookie};
  World world(3, with(balance));
  const uint64_t id = backend_id(balance, World::address(1));
  for (int i = 0; i < 5; ++i) CHECK(world.pick({}, id) == '2');
  CHECK_FALSE(world.pool.new_sticky_id(*world.members[1], id));
  CHECK(world.pool.new_sticky_id(*world.members[1], {}) == id);
  CHECK(world.pool.new_sticky_id(*world.members[1], 4711) == id);
  SUBCASE("it is draining") {
    world.states[1]->set_health(HealthState::draining);
  }
  SUBCASE("it is down") {
    world.states[1]->set_health(HealthState::down);
  }
  SUBCASE("an admin has drained it") {
    world.reconfigure([](config::Pool& pool) { pool.backends[1].drain = true; });
  }
  SUBCASE("it is removed") {
    auto smaller = std::make_shared<config::Pool>(*world.config);
    smaller->backends.erase(smaller->backends.begin() + 1);
    world.pool.update(smaller, {world.members[0], world.members[2]});
  }
  for (int i = 0; i < 5; ++i) CHECK(world.pick({}, id) != '2');
  CHECK(world.pool.new_sticky_id(*world.members[0], id) == backend_id(balance, World::address(0)));
}

TEST_CASE("a sticky client whose backend has too much to do goes elsewhere once, and keeps its cookie") {
  config::Pool settings = bounded({1, 1});
  settings.balance.policy = BalancePolicy::sticky_cookie;
  World world(2, settings);
  const uint64_t id = backend_id(settings.balance, World::address(0));
  const auto busy = world.pool.try_pick({.key = id});
  REQUIRE(World::digit(*busy) == '1');
  CHECK(world.pick({}, id) == '2');
  CHECK_FALSE(world.pool.new_sticky_id(*world.members[1], id));
}

TEST_CASE("a backend of weight 0 gets no new request by any policy, and keeps its sticky clients") {
  for (const auto policy : {BalancePolicy::round_robin, BalancePolicy::least_requests,
                            BalancePolicy::random_two, BalancePolicy::hash, BalancePolicy::sticky_cookie}) {
    const config::Balance balance{.policy = policy};
    World world(3, with(balance));
    const uint64_t id = backend_id(balance, World::address(1));
    world.reconfigure([](config::Pool& pool) { pool.backends[1].weight = 0; });
    for (int i = 0; i < 30; ++i) CHECK(world.pick({}, key_of(std::to_string(i))) != '2');
    for (int i = 0; i < 30; ++i) CHECK(world.pick() != '2');
    if (policy != BalancePolicy::sticky_cookie) continue;
    CHECK(world.pick({}, id) == '2');
    CHECK_FALSE(world.pool.new_sticky_id(*world.members[1], id));
    world.states[1]->set_health(HealthState::draining);
    CHECK(world.pick({}, id) != '2');
  }
}

TEST_CASE("with weight 0 everywhere no new client is served, and by priority the next group is") {
  World world(2);
  world.reconfigure([](config::Pool& pool) {
    pool.backends[0].weight = 0;
    pool.backends[1].priority = 1;
  });
  CHECK(world.pick() == '2');
  world.reconfigure([](config::Pool& pool) { pool.backends[1].weight = 0; });
  CHECK_FALSE(world.pool.try_pick({}));
}

TEST_CASE("backends of a higher priority number stand by, and those of other zones, too") {
  World world(3);
  world.reconfigure([](config::Pool& pool) { pool.backends[0].priority = 1; });
  CHECK(world.pick() != '1');
  CHECK(world.pick() != '1');
  world.states[1]->set_health(HealthState::down);
  world.states[2]->set_health(HealthState::down);
  CHECK(world.pick() == '1');
  for (auto& state : world.states) state->set_health(HealthState::healthy);
  world.reconfigure(
      [](config::Pool& pool) {
        pool.backends[0].priority = 0;
        pool.backends[1].zone = "near";
        pool.backends[2].zone = "far";
      },
      "near");
  for (int i = 0; i < 5; ++i) CHECK(world.pick() == '2');
  world.reconfigure([](config::Pool&) {}, "far");
  for (int i = 0; i < 5; ++i) CHECK(world.pick() == '3');
}

// ---- max_requests

TEST_CASE("a backend at its bound is passed over, until one of its requests ends") {
  World world(2, bounded({2, 0}));
  std::vector<Lease> leases;
  for (int i = 0; i < 20; ++i) leases.push_back(*world.pool.try_pick({}));
  CHECK(world.states[0]->in_flight() == 2);
  CHECK(world.states[1]->in_flight() == 18);
  leases.clear();
  CHECK(world.states[0]->concurrency().inside() == 0);
}

TEST_CASE("the bound is over all workers") {
  World one(1, bounded({3}), 0, 2);
  World other(1, bounded({3}), 1, 2, &one);
  std::vector<Lease> leases;
  leases.push_back(*one.pool.try_pick({}));
  leases.push_back(*other.pool.try_pick({}));
  leases.push_back(*one.pool.try_pick({}));
  CHECK(one.pick() == '-');
  CHECK(other.pick() == '-');
}

TEST_CASE(
    "a request that waits for a full backend is woken when another one ends, on whichever worker that was") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  REQUIRE(lease);
  Waiter waiter(other);
  CHECK(one.rooms.empty());
  lease.reset();
  REQUIRE(one.rooms == std::vector<unsigned>{1});
  CHECK_FALSE(waiter.lease);
  other.pool.slot_freed(*other.states[0]);
  CHECK(waiter.lease);
  waiter.lease.reset();  // No request waits any more.
  CHECK(other.rooms.empty());
}

TEST_CASE("who comes to one worker does not overtake those who wait at another") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  Waiter there(other);
  lease.reset();
  CHECK(one.pick() == '-');
  Waiter here(one);
  other.pool.slot_freed(*one.states[0]);
  REQUIRE(there.lease);
  there.lease.reset();
  one.pool.slot_freed(*one.states[0]);
  CHECK(here.lease);
}

TEST_CASE("a worker that waits no more, but gets the free place, holds up no other for long") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  { Waiter gone(other); }
  lease.reset();
  Waiter here(one);
  one.pass(Duration{1});
  CHECK(here.lease);
}

TEST_CASE("workers whose requests wait have their turns, and one that waits no more passes its turn on") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  Waiter here(one);
  std::optional<Waiter> there(std::in_place, other);
  SUBCASE("in turn") {
    lease.reset();
    REQUIRE(one.rooms == std::vector<unsigned>{1});
    other.pool.slot_freed(*one.states[0]);
    REQUIRE(there->lease);
    there->lease.reset();
    REQUIRE(other.rooms == std::vector<unsigned>{0});
    one.pool.slot_freed(*one.states[0]);
    CHECK(here.lease);
  }
  SUBCASE("passed on") {
    there.reset();
    lease.reset();
    REQUIRE(one.rooms == std::vector<unsigned>{1});
    other.pool.slot_freed(*one.states[0]);
    REQUIRE(other.rooms == std::vector<unsigned>{0});
    one.pool.slot_freed(*one.states[0]);
    CHECK(here.lease);
  }
}

TEST_CASE("who comes later does not overtake those who wait") {
  World world(1, bounded({1}));
  auto lease = world.pool.try_pick({});
  Waiter first(world);
  lease.reset();
  CHECK(world.pick() == '-');
  Waiter second(world);
  CHECK_FALSE(first.lease);
  world.pass(Duration{1});  // The second saw that there is room.
  CHECK(first.lease);
  CHECK_FALSE(second.lease);
}

TEST_CASE("a bound that a reload brings counts what was there before it") {
  World world(1);
  std::vector<Lease> leases;
  for (int i = 0; i < 2; ++i) leases.push_back(*world.pool.try_pick({}));
  world.reconfigure([](config::Pool& pool) { pool.backends[0].max_requests = 2; });
  CHECK(world.pick() == '-');
  Waiter waiter(world);
  leases.pop_back();
  CHECK(world.rooms.size() == 1);
  world.pool.slot_freed(*world.states[0]);
  CHECK(waiter.lease);
  CHECK(world.pick() == '-');
  world.reconfigure([](config::Pool& pool) { pool.backends[0].max_requests = 0; });
  CHECK(world.pick() == '1');
}

}  // namespace
}  // namespace sluice::upstream
