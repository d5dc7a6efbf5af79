// For which clients another one's idle connection is closed.
#include "proxy/client_bound.h"

#include "base/held_executor.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

struct Idle final : wire::Resting {
  bool close_if_quiet() override { return is_closed = true; }
  bool is_closed = false;
};

struct Worker {
  bool closes_within(const Idle& idle, Duration most) {
    executor.pass(most);
    return idle.is_closed;
  }

  HeldExecutor executor;
  observe::WorkerCounters counters;
  entrance::ClientCounts client_counts;
  ClientRoom room;
  upstream::QueueCounts queue_counts;
  ServiceSettings settings{.counters = counters,
                           .client_counts = client_counts,
                           .client_room = room,
                           .queue_counts = queue_counts,
                           .on_trouble = {},
                           .on_generation_drained = {},
                           .on_moved = {},
                           .on_full = [](std::optional<unsigned>) {}};
  wire::RestingConnections resting;
  bool is_paused = false;
  ClientBound bound{executor, settings, resting, [this](bool paused) { is_paused = paused; }};
};

TEST_CASE(
    "a client that found no room is forgotten once there was some: what another process leaves closes none") {
  Worker worker;
  Idle idle;
  worker.bound.set_most(2);
  worker.bound.enter();
  worker.bound.enter();
  CHECK(worker.is_paused);
  worker.bound.leave();
  CHECK_FALSE(worker.is_paused);
  worker.resting.add(idle, worker.executor.clock().now() - Duration{1000});
  worker.bound.enter_moved();
  worker.bound.enter_moved();
  CHECK_FALSE(worker.closes_within(idle, Duration{80}));
}

TEST_CASE("a client that is one too many costs the longest idle one its connection, as soon as one is idle") {
  Worker worker;
  Idle idle;
  worker.bound.set_most(1);
  worker.bound.enter();
  worker.bound.enter();
  worker.resting.add(idle, worker.executor.clock().now() - Duration{1000});
  CHECK(worker.closes_within(idle, Duration{100}));
}

}  // namespace
}  // namespace sluice::proxy
