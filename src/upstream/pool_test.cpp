// A pool on one worker: picking, and the queue of those who wait.
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
  QueuePlace places[3];
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
  QueuePlace place;
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
  QueuePlace places[3];
  std::vector<Wait> waits;
  for (QueuePlace& place : places) {
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
  world.pool.room_at(*world.states[0]);
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
  World one(1, {}, 0, 2);
  World other(1, {}, 1, 2, &one);
  const auto bound = [](config::Pool& pool) { pool.backends[0].max_requests = 1; };
  one.reconfigure(bound);
  other.reconfigure(bound);
  auto lease = one.pool.try_pick({});
  const Waiter here(one);
  const Waiter there(other);
  pause_of(one, config::Pause::until_resumed);
  lease.reset();
  REQUIRE(one.rooms.size() + other.rooms.size() == 1);
  one.pool.room_at(*one.states[0]);
  other.pool.room_at(*one.states[0]);
  CHECK(there.lease);
  CHECK_FALSE(here.lease);
}

}  // namespace
}  // namespace sluice::upstream
