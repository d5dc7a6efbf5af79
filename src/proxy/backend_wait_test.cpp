// A request that waits for a backend: what it comes to, and how long it may take.
#include <sluice/proxy/backend_wait.h>

#include <optional>
#include <string>
#include <utility>

#include "proxy/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Its pool's backends are down.
struct Waiting final : BackendWaitOwner {
  explicit Waiting(config::Queue queue = {.timeout = seconds(10)})
      : worker({.pool = {.queue = queue}}), client("GET / HTTP/1.1\r\nHost: h\r\n\r\n") {
    worker.begin(flight, client);
    for (size_t i = 0; i < worker.members.size(); ++i) worker.probed(i, upstream::HealthState::down);
    wait.emplace(flight, *this);
  }
  void begin() { wait->begin({}); }
  void recover() {
    worker.probed(0, upstream::HealthState::healthy);
    worker.pool->wake();
  }
  void on_backend(upstream::Lease got) override {
    said += "backend ";
    lease = std::move(got);
    if (drops) wait.reset();
  }
  void on_no_backend(Cause cause, std::string_view) override {
    said += std::string(name(cause)) + " ";
    if (drops) wait.reset();
  }
  void on_client_left() override {
    said += "left ";
    if (drops) wait.reset();
  }

  TestWorker worker;
  TestClient client;
  InFlight flight;
  std::string said;    // by the wait
  bool drops = false;  // the wait, in its call
  std::optional<upstream::Lease> lease;
  std::optional<BackendWait> wait;
};

TEST_CASE("a request gets the backend that comes back while it waits") {
  for (const bool drops : {false, true}) {
    Waiting run;
    run.drops = drops;
    run.begin();
    run.worker.pass(seconds(3));
    CHECK(run.said == "");
    CHECK(run.flight.trace.is_waiting());
    run.recover();
    CHECK(run.said == "backend ");
    CHECK(run.lease->backend().version() == "v1");
    CHECK_FALSE(run.flight.trace.is_waiting());
    CHECK(run.flight.waited >= seconds(3));
    CHECK(run.worker.tallies() == "held shop v1 ok=1 ");
  }
}

TEST_CASE("all that a request waits counts against the pool's time") {
  Waiting run;
  run.begin();
  run.worker.pass(seconds(6));
  run.recover();
  REQUIRE(run.said == "backend ");
  run.lease.reset();
  run.worker.probed(0, upstream::HealthState::down);
  run.flight.waited += seconds(3);  // In connects that failed.
  run.begin();
  run.worker.pass(milliseconds(900));
  CHECK(run.said == "backend ");
  run.worker.pass(milliseconds(200));
  CHECK(run.said == "backend queue_timeout ");
}

TEST_CASE("a request whose time is over does not wait at all") {
  Waiting run;
  run.drops = true;
  run.flight.waited = seconds(10);
  run.begin();
  CHECK(run.said == "queue_timeout ");
}

TEST_CASE("a queue that is full takes no more") {
  Waiting run({.max = 1, .timeout = seconds(10)});
  run.begin();
  InFlight second_flight;
  TestClient second_client("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  run.worker.begin(second_flight, second_client);
  BackendWait second(second_flight, run);
  second.begin({});
  CHECK(run.said == "queue_full ");
  run.recover();
  CHECK(run.said == "queue_full backend ");
}

TEST_CASE("a client that has left is noticed within a second") {
  for (const bool drops : {false, true}) {
    Waiting run;
    run.drops = drops;
    run.begin();
    run.worker.pass(milliseconds(600));
    CHECK(run.said == "");
    run.client.has_gone = true;
    run.worker.pass(milliseconds(600));
    CHECK(run.said == "left ");
    if (!drops) run.wait->stop();
    CHECK(run.worker.pool->queued() == 0);
  }
}

TEST_CASE("a backend that comes for a client that has left stays free") {
  Waiting run;
  run.begin();
  run.client.has_gone = true;
  run.recover();
  CHECK(run.said == "left ");
  CHECK(run.worker.states[0]->in_flight() == 0);
}

TEST_CASE("a wait that is stopped or dropped reports nothing") {
  for (const bool drops : {false, true}) {
    Waiting run;
    run.begin();
    drops ? run.wait.reset() : run.wait->stop();
    run.client.has_gone = true;
    run.recover();
    run.worker.pass(seconds(20));
    CHECK(run.said == "");
  }
}

}  // namespace
}  // namespace sluice::proxy
