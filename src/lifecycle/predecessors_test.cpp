// What is known of the processes before this one, and of those that have given everything back to it.
#include <sluice/lifecycle/predecessors.h>

#include <doctest/doctest.h>

namespace sluice::lifecycle {
namespace {

Predecessor with(int process, uint64_t accepted, uint64_t connections = 0) {
  return {.process = process, .totals = {.accepted = accepted, .connections = connections}};
}

Predecessor gone(Predecessor predecessor) {
  predecessor.is_draining = false;
  return predecessor;
}

TEST_CASE("counts go on when a process ends, and those of several add up") {
  Predecessors predecessors;
  CHECK_FALSE(predecessors.any());
  predecessors.set(with(1, 10));
  predecessors.set(with(1, 12));
  CHECK(predecessors.totals().accepted == 12);
  predecessors.set(with(2, 100));
  CHECK(predecessors.totals().accepted == 112);
  CHECK(predecessors.draining() == 2);
  CHECK(predecessors.last()->process == 2);
  predecessors.set(gone(with(2, 103)));
  CHECK(predecessors.last()->process == 1);
  predecessors.set(gone(with(1, 13)));
  CHECK(predecessors.totals().accepted == 116);
  CHECK(predecessors.draining() == 0);
  CHECK(predecessors.last() == nullptr);
  CHECK(predecessors.any());
}

TEST_CASE("one whose number comes again is another one") {
  Predecessors predecessors;
  predecessors.set(gone(with(7, 5)));
  predecessors.set(with(7, 1));
  CHECK(predecessors.totals().accepted == 6);
}

TEST_CASE("one that stands by and has nothing holds up nobody; those before it still do") {
  Predecessors predecessors;
  int changes = 0;
  predecessors.on_change([&] { ++changes; });
  auto standby = with(1, 10, 3);
  standby.stands_by = true;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 1);
  standby.totals.connections = 0;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 0);
  CHECK(predecessors.last() != nullptr);
  standby.before_it = 2;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 2);
  standby.stands_by = false;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 3);
  CHECK(changes == 4);
}

}  // namespace
}  // namespace sluice::lifecycle
