// What is known of a process's predecessors, and of successors that have given everything back to it.
#include <sluice/control/predecessors.h>

#include <doctest/doctest.h>

namespace sluice::control {
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

observe::Totals counted(uint64_t accepted, uint64_t ok) {
  observe::Totals totals{.accepted = accepted};
  totals.ended[static_cast<size_t>(observe::Disposition::ok)] = ok;
  return totals;
}

uint64_t stopped(const Predecessors& predecessors) {
  return predecessors.totals().ended[static_cast<size_t>(observe::Disposition::failed_stopped)];
}

TEST_CASE("what a process had that has died counts as stopped, once no other one has anything that moves") {
  Predecessors predecessors;
  int times = 0;
  predecessors.on_settle([&] { ++times; });
  predecessors.set({.process = 1, .totals = counted(10, 10)});
  predecessors.set({.process = 2, .is_draining = false, .totals = counted(30, 24), .has_died = true});
  CHECK(predecessors.has_lost());
  CHECK_FALSE(predecessors.is_to_settle());
  predecessors.set({.process = 1, .is_draining = false, .totals = counted(11, 11)});
  CHECK(times == 1);
  predecessors.settle({.adopted = 2});  // Of the six two tunnels have come here.
  CHECK(stopped(predecessors) == 4);
  CHECK(predecessors.totals().accepted == 41);
  CHECK_FALSE(predecessors.has_lost());
}

TEST_CASE("what a process has left to one that has died counts as stopped, too") {
  Predecessors predecessors;
  predecessors.set({.process = 1, .is_draining = false, .totals = counted(5, 5), .has_died = true});
  predecessors.settle({.handed_off = 3, .in_flight = 7});
  CHECK(stopped(predecessors) == 3);
}

TEST_CASE("what has come from a process that had not told of it yet was accepted there") {
  Predecessors predecessors;
  predecessors.set({.process = 1, .is_draining = false, .totals = counted(5, 5), .has_died = true});
  predecessors.settle({.adopted = 2});
  CHECK(stopped(predecessors) == 0);
  CHECK(predecessors.totals().accepted == 7);
}

TEST_CASE(
    "a process that has ended in order hands on that one before it had died, and nothing else is lost") {
  Predecessors predecessors;
  predecessors.set({.process = 1, .is_draining = false, .totals = counted(5, 5)});
  CHECK_FALSE(predecessors.has_lost());
  predecessors.set({.process = 2, .totals = counted(9, 8), .has_lost = true});
  predecessors.set({.process = 2, .is_draining = false, .totals = counted(9, 8), .has_lost = true});
  CHECK(predecessors.is_to_settle());
}

TEST_CASE("one that stands by and has nothing holds nothing up; those before it still do") {
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
  standby.earlier = 2;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 2);
  standby.stands_by = false;
  predecessors.set(standby);
  CHECK(predecessors.draining() == 3);
  CHECK(changes == 4);
}

}  // namespace
}  // namespace sluice::control
