// How the connections of a listener, and the clients that still arrive there, move to another owner, and what
// becomes of those that cannot, or are taken back.
#include <cstddef>

#include "proxy/test_served_listeners.h"

namespace sluice::proxy {
namespace {

constexpr auto kLeaveQueue = Service::Queue::leave;
constexpr size_t kMostInATurn = 64;

TEST_CASE("an idle connection moves at once, and one with an answer under way after that") {
  TestListeners at;
  at.visit(at.front);
  Visit& busy = at.busy_visit(at.front);
  const Visit& elsewhere = at.visit(at.side);
  at.listeners.migrate(at.front.id);
  CHECK(at.moved.size() == 1);
  CHECK(busy.is_open());
  busy.connection->answered();
  REQUIRE(at.moved.size() == 2);
  for (const MigratedConnection& each : at.moved) {
    CHECK(each.record.listener == at.front.id);
    CHECK(each.record.at.client.ip == "192.0.2.7");
    CHECK_FALSE(each.record.at.awaits_preface);
    CHECK(each.client.is_open());
  }
  CHECK(at.over == 2);
  CHECK(elsewhere.is_open());
  at.connect_to(at.front);
  CHECK(at.accepted == 3);
}

TEST_CASE("a client that still arrives moves with what it has said") {
  TestListeners at;
  at.connect_to(at.behind).arrive(TestListeners::kHeader.substr(0, 20));
  at.listeners.migrate(at.behind.id);
  REQUIRE(at.moved.size() == 1);
  CHECK(at.moved[0].record.listener == at.behind.id);
  CHECK(at.moved[0].record.at.awaits_preface);
  CHECK(at.moved[0].record.at.bytes == TestListeners::kHeader.substr(0, 20));
  CHECK(at.moved[0].client.is_open());
  CHECK(at.inside() == 0);
  CHECK(at.visits.empty());
}

TEST_CASE("all listeners can move at once, and nothing is accepted then") {
  TestListeners at;
  at.visit(at.front);
  at.visit(at.side);
  at.connect_to(at.behind);
  at.network.connect_to(at.front.socket);
  at.listeners.migrate_all();
  at.executor.turn();
  std::map<std::string, int> moved;
  for (const MigratedConnection& each : at.moved) ++moved[each.record.listener];
  CHECK(moved == std::map<std::string, int>{{at.front.id, 1}, {at.side.id, 1}, {at.behind.id, 1}});
  CHECK(at.inside() == 0);
  CHECK(at.network.waiting(at.front.socket) == 1);
}

// ---- in turns

TEST_CASE("connections move in turns, so that others are served in between, whatever the listener") {
  TestListeners at;
  at.visit(at.front, 100);
  at.visit(at.side, 30);
  at.connect_to(at.behind);
  at.listeners.migrate(at.front.id);
  CHECK(at.moved.size() == kMostInATurn);
  at.listeners.migrate(at.side.id);
  at.listeners.migrate(at.behind.id);
  CHECK(at.moved.size() == kMostInATurn);
  at.executor.turn();
  CHECK(at.moved.size() == 2 * kMostInATurn);
  at.executor.turn();
  CHECK(at.moved.size() == 131);
  CHECK(at.inside() == 0);
}

/// The listener that expects a PROXY header migrates while more clients arrive there than move in a turn: the
/// client that is left for the next turn.
net::MemoryTransport& client_of_next_turn(TestListeners& at) {
  for (size_t i = 0; i < kMostInATurn; ++i) at.connect_to(at.behind);
  net::MemoryTransport& last = at.connect_to(at.behind);
  at.listeners.migrate(at.behind.id);
  CHECK(at.moved.size() == kMostInATurn);
  return last;
}

TEST_CASE("a client that arrives before its turn to move is served, and moves as a connection") {
  TestListeners at;
  net::MemoryTransport& last = client_of_next_turn(at);
  last.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().is_served);
  CHECK_FALSE(at.visits.back().quiet);
  at.executor.turn();
  REQUIRE(at.moved.size() == kMostInATurn + 1);
  CHECK_FALSE(at.moved.back().record.at.awaits_preface);
  CHECK(at.moved.back().record.at.client.ip == "198.51.100.9");
  CHECK(at.inside() == 0);
}

TEST_CASE("clients that leave before their turn to move are over, and the others move") {
  TestListeners at;
  net::MemoryTransport& arriving = client_of_next_turn(at);
  arriving.end();
  at.executor.turn();
  CHECK(at.moved.size() == kMostInATurn);
  CHECK(at.inside() == 0);
}

// ---- what does not move

TEST_CASE("what cannot move stays, and ends within the idle time") {
  TestListeners at;
  Visit& open = at.visit(at.front);
  open.may_leave = false;
  net::MemoryTransport& arriving = at.connect_to(at.behind);
  arriving.has_descriptor = false;
  at.listeners.migrate_all();
  at.executor.turn();
  arriving.arrive(TestListeners::kHeader);
  CHECK(at.visits.size() == 2);
  for (const Visit& each : at.visits) {
    CHECK(each.is_served);
    CHECK(each.quiet == TestListeners::kIdleTimeout);
  }
  CHECK(at.moved.empty());
  CHECK(at.inside() == 2);
}

TEST_CASE("without another owner any more all that was to move ends within the idle time") {
  TestListeners at;
  for (size_t i = 0; i < kMostInATurn + 1; ++i) at.busy_visit(at.front);
  net::MemoryTransport& arriving = at.connect_to(at.behind);
  const Visit& stopped = at.visit(at.side);
  at.listeners.stop_listening(at.side.id, kLeaveQueue);
  at.listeners.migrate(at.front.id);
  at.listeners.migrate(at.behind.id);
  at.listeners.stop_migrating();
  at.executor.turn();
  CHECK_FALSE(at.visits.back().waits_to_move);
  arriving.arrive(TestListeners::kHeader);
  for (const Visit& each : at.visits) {
    CHECK(each.quiet == (&each == &stopped ? kRetireGrace : TestListeners::kIdleTimeout));
  }
  CHECK(at.moved.empty());
  CHECK(at.open_visits() == kMostInATurn + 3);
}

TEST_CASE("with no other process left all that has stayed ends soon") {
  TestListeners at;
  Visit& open = at.visit(at.front);
  open.may_leave = false;
  net::MemoryTransport& first = at.connect_to(at.behind);
  net::MemoryTransport& second = at.connect_to(at.behind);
  for (auto* each : {&first, &second}) each->has_descriptor = false;
  const Visit& served = at.visit(at.side);
  at.listeners.migrate(at.front.id);
  at.listeners.migrate(at.behind.id);
  first.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().quiet == TestListeners::kIdleTimeout);
  at.listeners.retire_left();
  second.arrive(TestListeners::kHeader);
  CHECK(at.visits.size() == 4);
  for (const Visit& each : at.visits) {
    if (&each != &served) CHECK(each.quiet == kRetireGrace);
  }
  CHECK_FALSE(served.quiet);
}

// ---- taken back

TEST_CASE("connections that have not moved yet stay as accepted on their listener") {
  TestListeners at;
  for (size_t i = 0; i < kMostInATurn + 1; ++i) at.busy_visit(at.front);
  at.visits.front().may_leave = false;
  at.listeners.migrate(at.front.id);
  at.visits.front().connection->answered();
  CHECK(at.visits.front().quiet == TestListeners::kIdleTimeout);
  at.listeners.cancel_migration();
  at.executor.turn();
  for (Visit& each : at.visits) {
    CHECK_FALSE(each.quiet);
    CHECK_FALSE(each.waits_to_move);
    if (each.is_busy) each.connection->answered();
  }
  CHECK(at.moved.empty());
  at.listeners.listen(at.front.id, at.front.socket);
  at.visit(at.front);
  at.listeners.stop_listening(at.front.id, kLeaveQueue);
  for (const Visit& each : at.visits) CHECK(each.quiet == kRetireGrace);
  CHECK(at.open_visits() == kMostInATurn + 2);
}

TEST_CASE("clients that still arrive stay at their listener, too, which may be served only later") {
  TestListeners at;
  net::MemoryTransport& first = at.connect_to(at.behind);
  net::MemoryTransport& second = at.connect_to(at.behind);
  for (auto* each : {&first, &second}) each->has_descriptor = false;
  at.listeners.migrate(at.behind.id);
  at.listeners.cancel_migration();
  first.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().is_served);
  CHECK_FALSE(at.visits.back().quiet);
  at.listeners.listen(at.behind.id, at.behind.socket);
  at.listeners.stop_listening(at.behind.id, kLeaveQueue);
  CHECK(at.visits.back().quiet == kRetireGrace);
  second.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().quiet == kRetireGrace);
  CHECK(at.inside() == 2);
}

TEST_CASE("taking back is for what was to move: a listener that stopped stays gone") {
  TestListeners at;
  const Visit& stopped = at.visit(at.front);
  net::MemoryTransport& arriving = at.connect_to(at.behind);
  at.listeners.stop_listening(at.front.id, kLeaveQueue);
  at.listeners.stop_listening(at.behind.id, kLeaveQueue);
  at.listeners.migrate_all();
  at.listeners.cancel_migration();
  CHECK(stopped.quiet == kRetireGrace);
  arriving.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().quiet == kRetireGrace);
  CHECK(at.moved.empty());
}

TEST_CASE("a listener that stops after it has moved ends only what was accepted since") {
  TestListeners at;
  Visit& leaving = at.busy_visit(at.front);
  at.listeners.migrate(at.front.id);
  at.listeners.stop_listening(at.front.id, kLeaveQueue);
  CHECK_FALSE(leaving.quiet);
  CHECK(leaving.waits_to_move);
  at.listeners.listen(at.front.id, at.front.socket);
  const Visit& later = at.visit(at.front);
  at.listeners.stop_listening(at.front.id, kLeaveQueue);
  CHECK(later.quiet == kRetireGrace);
  CHECK_FALSE(leaving.quiet);
  leaving.connection->answered();
  CHECK(at.moved.size() == 1);
  CHECK(at.inside() == 1);
}

TEST_CASE("what was taken back can move another time") {
  TestListeners at;
  Visit& busy = at.busy_visit(at.front);
  for (int i = 0; i < 2; ++i) {
    at.listeners.migrate(at.front.id);
    at.listeners.cancel_migration();
  }
  busy.connection->answered();
  CHECK(at.moved.empty());
  at.listeners.migrate(at.front.id);
  REQUIRE(at.moved.size() == 1);
  CHECK(at.moved[0].record.listener == at.front.id);
  CHECK(at.inside() == 0);
}

}  // namespace
}  // namespace sluice::proxy
