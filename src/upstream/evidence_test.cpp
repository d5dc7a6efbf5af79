// What backends report to control of their traffic.
#include "upstream/test_tools.h"

namespace sluice::upstream {
namespace {

using observe::Cause;

/// Two workers' views of one backend.
struct Witnesses {
  explicit Witnesses(const config::Ejection& settings) {
    for (unsigned worker = 0; worker < 2; ++worker) {
      workers.push_back(std::make_unique<Backend>(
          state, worker, none.connector, [](const auto&) {}, Backend::OnSlotFree(),
          [this](const auto&, const Evidence& seen) { evidence.push_back(seen); }));
      workers.back()->set_ejection(settings);
    }
    state->set_health(HealthState::healthy);
  }
  NoConnections none;
  std::shared_ptr<BackendState> state = std::make_shared<BackendState>("shop", World::address(0));
  std::vector<std::unique_ptr<Backend>> workers;
  std::vector<Evidence> evidence;
};

constexpr config::Ejection kThree{.enabled = true, .failures = 3};

TEST_CASE("failures in a row are counted over all workers, and reported once for each full row") {
  Witnesses seen(kThree);
  seen.workers[0]->connection_broke(Cause::backend_closed);
  seen.workers[1]->connect_failed(Cause::connect_timeout);
  CHECK(seen.evidence.empty());
  seen.workers[0]->connection_broke(Cause::backend_malformed);
  REQUIRE(seen.evidence.size() == 1);
  CHECK(seen.evidence[0].kind == Evidence::Kind::failures);
  CHECK(seen.evidence[0].cause == Cause::backend_malformed);
  for (int i = 0; i < 5; ++i) seen.workers[1]->connection_broke();
  CHECK(seen.evidence.size() == 2);
}

TEST_CASE("one that goes well, at whatever worker, ends the row") {
  Witnesses seen(kThree);
  for (int i = 0; i < 10; ++i) {
    seen.workers[0]->connection_broke();
    seen.workers[0]->connection_broke();
    seen.workers[1]->answered_whole(200);
    CHECK(seen.state->failures_in_a_row().length() == 0);
  }
  CHECK(seen.evidence.empty());
}

TEST_CASE("statuses count where the pool says so, and else are as good as any answer") {
  Witnesses strict({.enabled = true, .failures = 3, .statuses = config::FailureStatuses::gateway});
  for (const int status : {502, 503, 504}) strict.workers[0]->answered_whole(status);
  REQUIRE(strict.evidence.size() == 1);
  CHECK(strict.evidence[0].status == 504);
  CHECK(strict.state->failures() == 3);
  strict.workers[0]->answered_whole(500);
  CHECK(strict.state->failures_in_a_row().length() == 0);

  Witnesses easy(kThree);
  for (int i = 0; i < 3; ++i) easy.workers[0]->answered_whole(503);
  CHECK(easy.evidence.empty());
}

TEST_CASE("where the pool does not eject nothing is counted in a row") {
  Witnesses seen({});
  for (int i = 0; i < 10; ++i) seen.workers[0]->connection_broke();
  CHECK(seen.state->failures_in_a_row().length() == 0);
  CHECK(seen.evidence.empty());
  CHECK(seen.state->failures() == 10);
}

TEST_CASE("one that says that it drains gets nothing more here until control has looked") {
  Witnesses seen({});
  seen.workers[0]->signalled_drain();
  seen.workers[0]->signalled_drain();
  REQUIRE(seen.evidence.size() == 1);  // Once is enough for now.
  CHECK(seen.evidence[0].kind == Evidence::Kind::drains);
  CHECK_FALSE(seen.workers[0]->is_usable());
  seen.workers[0]->checked();
  CHECK(seen.workers[0]->is_usable());
  seen.workers[0]->signalled_drain();
  CHECK(seen.evidence.size() == 2);
}

TEST_CASE("an ejected backend gets nothing, finishes what it has, and keeps no connection for later") {
  World world(2);
  auto lease = world.pool.try_pick({});
  REQUIRE(lease);
  world.states[0]->set_health(HealthState::ejected);
  world.members[0]->checked();
  for (int i = 0; i < 4; ++i) CHECK(world.pick() == '2');
  CHECK(world.states[0]->in_flight() == 1);
  world.states[1]->set_health(HealthState::down);
  CHECK(world.pick() == '-');
  world.reconfigure([](config::Pool& pool) { pool.when_all_down = config::WhenAllDown::try_anyway; });
  CHECK(world.pick({world.members[1].get()}) == '1');  // Better than nothing.
}

TEST_CASE("who waits is served when an ejected backend is back") {
  World world(1);
  world.states[0]->set_health(HealthState::ejected);
  Waiter waiter(world);
  world.pass(Duration{10});
  CHECK_FALSE(waiter.lease);
  world.states[0]->set_health(HealthState::healthy);
  world.members[0]->checked();
  world.pool.wake();
  CHECK(waiter.lease);
}

}  // namespace
}  // namespace sluice::upstream
