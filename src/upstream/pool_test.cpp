// A pool on one worker: picking, and the queue of requests that wait.
#include "upstream/test_tools.h"

namespace sluice::upstream {
namespace {

TEST_CASE("only healthy backends are picked, and one that was tried only when there is no other") {
  World world(3);
  world.states[0]->set_health(HealthState::down);
  CHECK(world.pick() != '1');
  CHECK(world.pick() != '1');
  CHECK(world.pick({world.members[1].get()}) == '3');
  CHECK(world.pick({world.members[1].get(), world.members[2].get()}) != '-');
  for (const auto state : {HealthState::starting, HealthState::draining, HealthState::down}) {
    for (auto& backend : world.states) backend->set_health(state);
    CHECK(world.pick() == '-');
  }
}

TEST_CASE("who asks for untried ones alone gets none of the others, and who asks for one that") {
  World world(2);
  const std::vector<const Backend*> both = {world.members[0].get(), world.members[1].get()};
  CHECK(world.pool.try_pick({.tried = both}).has_value());
  CHECK_FALSE(world.pool.try_pick({.tried = both, .untried_only = true}).has_value());
  for (int i = 0; i < 4; ++i) {
    CHECK(&world.pool.try_pick({.only = both[1]})->backend() == both[1]);
  }
  world.states[1]->set_health(HealthState::down);
  CHECK(&world.pool.try_pick({.only = both[1]})->backend() == both[0]);
}

TEST_CASE("a request that waits for a backend of its own holds no other up") {
  World world(2, bounded({1, 1}));
  auto own = world.pool.try_pick(world.own());
  auto other = world.pool.try_pick({});
  REQUIRE((own && other));
  const Waiter bound(world, world.own());
  const Waiter any(world);
  other.reset();
  world.pool.wake();
  CHECK(any.lease);
  CHECK_FALSE(bound.lease);
  own.reset();
  world.pool.wake();
  CHECK(bound.lease);
}

TEST_CASE("who comes while one waits for a backend of its own gets any other at once, but not that one") {
  World world(2, bounded({1, 1}));
  auto taken = world.pool.try_pick(world.own());
  const Waiter waiter(world, world.own());
  auto other = world.pool.try_pick({});
  REQUIRE(other);
  CHECK(World::digit(*other) == '2');
  taken.reset();
  CHECK(world.pick() == '-');
  CHECK_FALSE(world.pool.try_pick(world.own()));
  other.reset();
  CHECK(world.pick() == '2');
  const Waiter second(world);
  CHECK(world.pick() == '-');  // It is the second's turn.
  world.pool.wake();
  CHECK(World::digit(*waiter.lease) == '1');
  CHECK(World::digit(*second.lease) == '2');
}

TEST_CASE("one that takes any backend does not hold up one behind it that waits for its own") {
  World world(2, bounded({1, 1}));
  world.reconfigure([](config::Pool& pool) { pool.backends[0].weight = 0; });
  auto own = world.pool.try_pick(world.own());
  auto other = world.pool.try_pick({});
  REQUIRE((own && other));
  const Waiter first(world);
  const Waiter second(world);
  const Waiter third(world, world.own());
  own.reset();
  world.pool.wake();
  CHECK_FALSE(first.lease);
  CHECK(third.lease);
  other.reset();
  world.pool.wake();
  CHECK(first.lease);
  CHECK_FALSE(second.lease);
}

TEST_CASE("one that waits for a backend of its own keeps no other backend from other workers") {
  World one(2, bounded({1, 1}), 0, 2);
  World other(2, bounded({1, 1}), 1, 2, &one);
  auto own = one.pool.try_pick(one.own());
  const Waiter waiter(one, one.own());
  auto lease = other.pool.try_pick({});
  REQUIRE(lease);
  CHECK(World::digit(*lease) == '2');
  const Waiter there(other);
  lease.reset();
  CHECK(one.rooms.empty());
  CHECK(other.rooms == std::vector<unsigned>{1});
  other.pool.slot_freed(*one.states[1]);
  CHECK(World::digit(*there.lease) == '2');
  own.reset();
  one.pool.slot_freed(*one.states[0]);
  CHECK(waiter.lease);
}

TEST_CASE("room that none of those who wait here may use is passed on to another worker") {
  World one(2, bounded({1, 1}), 0, 2);
  World other(2, bounded({1, 1}), 1, 2, &one);
  auto own = one.pool.try_pick(one.own());
  auto lease = one.pool.try_pick({});
  const Waiter waiter(one, one.own());
  const Waiter there(other);
  lease.reset();
  one.rooms.clear();
  other.rooms.clear();
  one.pool.slot_freed(*one.states[1]);
  CHECK(one.rooms == std::vector<unsigned>{1});
}

TEST_CASE("who waits for a backend that leaves the pool may have any other") {
  World world(2, bounded({1, 1}));
  auto own = world.pool.try_pick(world.own());
  auto other = world.pool.try_pick({});
  const Waiter waiter(world, world.own());
  auto smaller = std::make_shared<config::Pool>(*world.config);
  smaller->backends.erase(smaller->backends.begin());
  world.pool.update(smaller, {world.members[1]});
  own.reset();
  world.members.erase(world.members.begin());  // Nothing is left of it.
  world.pool.wake();
  CHECK_FALSE(waiter.lease);
  CHECK(world.pick() == '-');
  other.reset();
  world.pool.wake();
  CHECK(World::digit(*waiter.lease) == '2');
}

TEST_CASE(
    "a request that need not wait for a backend of its own any more goes elsewhere at once, or in its turn") {
  World world(2, bounded({1, 1}));
  auto own = world.pool.try_pick(world.own());
  auto other = world.pool.try_pick({});
  Waiter waiter(world, world.own());
  Waiter later(world);
  SUBCASE("room that is there") {
    later.wait.cancel();
    other.reset();
    world.pass(Duration{10});
    CHECK_FALSE(waiter.lease);
    waiter.place.take_any();
    CHECK_FALSE(waiter.lease);  // The caller is in the middle of something.
    world.pass(Duration{10});
  }
  SUBCASE("room that comes later") {
    waiter.place.take_any();
    world.pass(Duration{10});
    other.reset();
    world.pool.wake();
    CHECK_FALSE(later.lease);
  }
  REQUIRE(waiter.lease);
  CHECK(World::digit(*waiter.lease) == '2');
  waiter.place.take_any();  // It waits no more.
  later.wait.cancel();
  CHECK(world.pool.queued() == 0);
  waiter.lease.reset();
  CHECK(world.pick() == '2');
}

TEST_CASE("a backend that refused gets nothing more until a probe has looked, which is asked for once") {
  World world(1);
  world.members[0]->connect_failed();
  world.members[0]->connect_failed();
  CHECK(world.reports == 1);
  CHECK(world.pick() == '-');
  world.members[0]->checked();
  CHECK(world.pick() == '1');
}

TEST_CASE("a lease counts as in flight while it lives") {
  World world(1);
  {
    const auto lease = world.pool.try_pick({});
    CHECK(world.states[0]->in_flight() == 1);
  }
  CHECK(world.states[0]->in_flight() == 0);
  CHECK(world.states[0]->requests() == 1);
}

TEST_CASE("those who wait are served in order of arrival as soon as a backend is there") {
  World world(1);
  world.states[0]->set_health(HealthState::starting);
  QueueEntry places[3];
  std::string served;
  Wait waits[3];
  std::vector<Lease> leases;
  for (int i = 0; i < 3; ++i) {
    waits[i] = world.pool.wait_for_backend(places[i], {}, Duration{5000}, [&, i](Result<Lease> lease) {
      served += static_cast<char>('a' + i);
      leases.push_back(*std::move(lease));
    });
  }
  waits[1].cancel();
  CHECK(world.pool.queued() == 2);
  world.pool.wake();
  CHECK(served == "");
  world.states[0]->set_health(HealthState::healthy);
  world.pool.wake();
  CHECK(served == "ac");
  CHECK(world.pool.queued() == 0);
}

TEST_CASE("a wait ends at its bound, and a queue is full at its own") {
  World world(1, {.queue = {.max = 1}});
  world.states[0]->set_health(HealthState::down);
  QueueEntry place;
  std::string error;
  CHECK_FALSE(world.pool.is_queue_full());
  const Wait wait = world.pool.wait_for_backend(
      place, {}, Duration{200}, [&](Result<Lease> lease) { error = std::string(name(lease.error().code)); });
  CHECK(world.pool.is_queue_full());
  world.clock.advance(Duration{201});
  world.deadlines.expire();
  CHECK(error == "unavailable");
  CHECK(world.pool.queued() == 0);
}

TEST_CASE("the bound of a queue is the pool's, however its requests are spread over the workers") {
  QueueCounts counts;
  HeldClock clock;
  Deadlines deadlines(clock);
  const World world(0, {.queue = {.max = 3}});
  Pool one("shop", deadlines, 0, 2, counts.of("shop"));
  Pool two("shop", deadlines, 1, 2, counts.of("shop"));
  for (Pool* pool : {&one, &two}) pool->update(world.config, {});
  QueueEntry places[3];
  std::vector<Wait> waits;
  for (QueueEntry& place : places) {
    CHECK_FALSE(one.is_queue_full());
    CHECK_FALSE(two.is_queue_full());
    waits.push_back(one.wait_for_backend(place, {}, Duration{200}, [](const Result<Lease>&) {}));
  }
  CHECK(one.is_queue_full());
  CHECK(two.is_queue_full());
  waits.pop_back();
  CHECK_FALSE(two.is_queue_full());
  CHECK(counts.of("other")->get() == 0);
}

TEST_CASE("an update that brings a backend serves those who wait, and one that drops a backend closes it") {
  World world(2);
  auto drained = std::make_shared<config::Pool>(*world.config);
  drained->backends[0].drain = true;
  world.pool.update(drained, world.members);
  CHECK(world.pick() == '2');
  auto smaller = std::make_shared<config::Pool>(*world.config);
  smaller->backends.pop_back();
  world.pool.update(smaller, {world.members[0]});
  CHECK(world.pick() == '1');
  CHECK_FALSE(world.members[1]->is_available());
}

config::Pause pause_of(World& world, config::Pause pause) {
  world.reconfigure([&](config::Pool& pool) { pool.pause = pause; });
  return pause;
}

TEST_CASE("a notice of a drain is withdrawn when the backend is healthy and in its pool again") {
  World at(1);
  std::string heard;
  DrainSubscription notice([&](DrainSubscription::Says word) {
    heard += word == DrainSubscription::Says::drains ? "drains " : "back ";
  });
  auto lease = at.pool.lease_on(World::address(0));
  REQUIRE(lease);
  lease->backend().subscribe_drain(notice);
  CHECK(heard == "");
  const auto health = [&](HealthState state) {
    at.states[0]->set_health(state);
    at.members[0]->checked();
  };
  SUBCASE("/ping said so for a moment") {
    health(HealthState::draining);
    health(HealthState::draining);
    CHECK(heard == "drains ");
    CHECK(notice.is_told());
    health(HealthState::healthy);
    CHECK(heard == "drains back ");
    CHECK_FALSE(notice.is_told());
    health(HealthState::draining);
    CHECK(heard == "drains back drains ");
  }
  SUBCASE("one that drained and is down is not back") {
    health(HealthState::draining);
    health(HealthState::down);
    CHECK(heard == "drains ");
  }
  SUBCASE("an admin's drain is undone") {
    at.reconfigure([](config::Pool& pool) { pool.backends[0].drain = true; });
    CHECK(heard == "drains ");
    at.reconfigure([](config::Pool& pool) { pool.backends[0].drain = false; });
    CHECK(heard == "drains back ");
  }
  SUBCASE("it is removed, and added again while the tunnel is there") {
    auto without = std::make_shared<config::Pool>(*at.config);
    without->backends.clear();
    at.pool.update(without, {});
    at.members.clear();
    CHECK(heard == "drains ");
    const auto known = at.pool.known(at.states[0]);
    REQUIRE(known != nullptr);
    at.pool.update(at.config, {known});
    CHECK(heard == "drains back ");
    at.pool.update(without, {});
  }
}

TEST_CASE("a paused pool holds who comes, in order, until it is resumed; what is in flight goes on") {
  World world(1);
  const auto in_flight = world.pool.try_pick({});
  pause_of(world, config::Pause::until_resumed);
  CHECK(world.pick() == '-');
  CHECK(in_flight->backend().state()->in_flight() == 1);
  const Waiter first(world);
  const Waiter second(world);
  world.pass(Duration{10});
  world.pool.wake();
  world.pool.slot_freed(*world.states[0]);
  CHECK(world.pool.queued() == 2);
  pause_of(world, config::Pause::none);
  CHECK(first.lease);
  CHECK(second.lease);
  CHECK(world.pick() == '1');
}

TEST_CASE("without a time of its own a pause holds each for the queue's bound") {
  World world(1);
  pause_of(world, config::Pause::until_resumed);
  const Waiter waiter(world);
  world.pass(Duration{5001});
  CHECK(waiter.has_failed);
  CHECK(world.pool.queued() == 0);
}

TEST_CASE("the time of a timed pause does not count, for those who waited before it neither") {
  World world(1);
  world.states[0]->set_health(HealthState::down);
  const Waiter early(world);
  world.pass(Duration{4000});
  pause_of(world, config::Pause::timed);
  const Waiter late(world);
  world.pass(Duration{60'000});
  CHECK(world.pool.queued() == 2);
  pause_of(world, config::Pause::none);
  CHECK(late.place.released() == world.clock.now());
  world.pass(Duration{4999});
  CHECK(world.pool.queued() == 2);
  world.pass(Duration{2});
  CHECK(early.has_failed);
  CHECK(late.has_failed);
}

TEST_CASE("a worker that is paused passes on the room that others wait for") {
  World one(1, bounded({1}), 0, 2);
  World other(1, bounded({1}), 1, 2, &one);
  auto lease = one.pool.try_pick({});
  const Waiter here(one);
  const Waiter there(other);
  pause_of(one, config::Pause::until_resumed);
  lease.reset();
  REQUIRE(one.rooms.size() + other.rooms.size() == 1);
  one.pool.slot_freed(*one.states[0]);
  other.pool.slot_freed(*one.states[0]);
  CHECK(there.lease);
  CHECK_FALSE(here.lease);
}

}  // namespace
}  // namespace sluice::upstream
