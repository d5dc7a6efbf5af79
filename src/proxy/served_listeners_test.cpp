// Where clients are accepted, and what becomes of their connections when a listener or the worker stops. How
// they move to another owner: served_listeners_migration_test.cpp.
#include "proxy/served_listeners.h"

#include "proxy/test_served_listeners.h"

namespace sluice::proxy {
namespace {

using Queue = Service::Queue;

// ---- accepting

TEST_CASE("a client is accepted where its listener is served, and not while accepting is paused") {
  TestListeners at;
  CHECK(at.visit(at.front).is_served);
  at.listeners.pause();
  at.connect_to(at.front);
  CHECK(at.accepted == 1);
  CHECK(at.network.waiting(at.front.socket) == 1);
  at.listeners.resume();
  at.executor.turn();
  CHECK(at.accepted == 2);
  at.listeners.accept_no_more();
  at.connect_to(at.front);
  CHECK(at.accepted == 2);
  CHECK(at.open_visits() == 2);
}

TEST_CASE("whether a PROXY header comes first is for the newest configuration to say") {
  TestListeners at;
  net::MemoryTransport& client = at.connect_to(at.behind);
  CHECK(at.accepted == 1);
  CHECK(at.visits.empty());
  client.arrive(TestListeners::kHeader);
  CHECK(at.visits.back().is_served);
  config::Config config = at.make_config();
  config.listeners.pop_back();
  at.adopt(config);
  at.connect_to(at.behind);
  CHECK(at.visits.size() == 1);  // It is to stop: its clients are as they were.
  config.listeners.push_back({.bind = *Address::parse(at.behind.id)});
  at.adopt(config);
  CHECK(at.visit(at.behind).is_served);
}

TEST_CASE("what another worker accepts from now on is left to it, and open connections go on") {
  TestListeners at;
  const Visit& open = at.visit(at.front);
  at.listeners.stop_accepting(at.front.id, at.front.socket);
  at.connect_to(at.front);
  CHECK(at.network.waiting(at.front.socket) == 1);
  CHECK_FALSE(open.quiet);
  at.listeners.listen(at.front.id, at.front.socket);
  at.executor.turn();
  CHECK(at.accepted == 2);
}

// ---- a listener stops

TEST_CASE("connections end soon once their listener stops; what waits is accepted before, or left") {
  for (const Queue queue : {Queue::accept, Queue::leave}) {
    TestListeners at;
    at.visit(at.front);
    const Visit& elsewhere = at.visit(at.side);
    at.network.connect_to(at.front.socket);
    at.listeners.stop_listening(at.front.id, queue);
    CHECK(at.network.waiting(at.front.socket) == (queue == Queue::leave ? 1U : 0U));
    CHECK(at.visits.size() == (queue == Queue::leave ? 2U : 3U));
    for (const Visit& each : at.visits) {
      if (&each != &elsewhere) CHECK(each.quiet == kRetireGrace);
    }
    CHECK_FALSE(elsewhere.quiet);
    CHECK(at.open_visits() == at.inside());
  }
}

TEST_CASE("a drain stops every listener, after what waits there") {
  TestListeners at;
  at.visit(at.front);
  at.visit(at.side);
  at.network.connect_to(at.side.socket);
  at.listeners.drain();
  CHECK(at.visits.size() == 3);
  for (const Visit& each : at.visits) CHECK(each.quiet == kRetireGrace);
  at.connect_to(at.front);
  CHECK(at.accepted == 3);
}

TEST_CASE("a client that still arrives when its listener stops is served, and its connection ends soon") {
  TestListeners at;
  net::MemoryTransport& client = at.connect_to(at.behind);
  at.listeners.stop_listening(at.behind.id, Queue::leave);
  client.arrive(TestListeners::kHeader.substr(0, 10));
  CHECK(at.visits.empty());
  client.arrive(TestListeners::kHeader.substr(10));
  CHECK(at.visits.back().is_served);
  CHECK(at.visits.back().quiet == kRetireGrace);
  client.end();
  CHECK(at.inside() == 0);
}

TEST_CASE("clients that leave before they have arrived count as over, wherever their listener is") {
  TestListeners at;
  net::MemoryTransport& stays = at.connect_to(at.behind);
  stays.end();
  CHECK(at.over == 1);
  net::MemoryTransport& first = at.connect_to(at.behind);
  net::MemoryTransport& second = at.connect_to(at.behind);
  at.listeners.stop_listening(at.behind.id, Queue::leave);
  first.end();
  CHECK(at.over == 2);
  second.arrive("GET / HTTP/1.1\r\n");
  CHECK(at.over == 3);
  CHECK(at.visits.empty());
  CHECK(at.inside() == 0);
}

TEST_CASE("a listener that is served again after it stopped has the clients that come from then on") {
  TestListeners at;
  const Visit& before = at.visit(at.front);
  at.listeners.stop_listening(at.front.id, Queue::accept);
  at.listeners.listen(at.front.id, at.front.socket);
  const Visit& later = at.visit(at.front);
  CHECK(before.quiet == kRetireGrace);
  CHECK_FALSE(later.quiet);
  at.listeners.stop_listening(at.front.id, Queue::accept);
  CHECK(later.quiet == kRetireGrace);
  CHECK(at.inside() == 2);
}

// ---- from another owner

TEST_CASE("a connection of another owner's that stays is its listener's, which may not be served here") {
  TestListeners at;
  const std::string unknown = "192.0.2.1:99";
  const Visit& visit = at.add(at.front.id, true);
  const Visit& early = at.add(unknown, true);
  CHECK(visit.is_served);
  CHECK_FALSE(visit.quiet);
  at.listeners.stop_listening(at.front.id, Queue::leave);
  CHECK(visit.quiet == kRetireGrace);
  CHECK_FALSE(early.quiet);
  at.listeners.stop_listening(unknown, Queue::leave);
  CHECK(early.quiet == kRetireGrace);
  CHECK(at.accepted == 0);
}

TEST_CASE("a connection of another owner's that does not stay is its listener's only when it is taken back") {
  TestListeners at;
  const Visit& visit = at.add(at.front.id, false);
  at.listeners.stop_listening(at.front.id, Queue::leave);
  at.listeners.migrate_all();
  CHECK_FALSE(visit.quiet);
  CHECK(at.moved.empty());
  at.listeners.retire_left();
  CHECK(visit.quiet == kRetireGrace);
  at.listeners.cancel_migration();
  CHECK_FALSE(visit.quiet);
  at.listeners.stop_listening(at.front.id, Queue::leave);
  CHECK(visit.quiet == kRetireGrace);
}

TEST_CASE("a client that another owner has left before it arrived does so here, and was accepted there") {
  TestListeners at;
  at.add_arrival(at.behind.id, true).arrive(TestListeners::kHeader);
  const Visit& stays = at.visits.back();
  CHECK(stays.is_served);
  CHECK_FALSE(stays.quiet);
  at.add_arrival(at.behind.id, false).arrive(TestListeners::kHeader);
  const Visit& ends = at.visits.back();
  CHECK(ends.is_served);
  CHECK(ends.quiet == TestListeners::kIdleTimeout);
  CHECK(at.accepted == 0);
  at.listeners.stop_listening(at.behind.id, Queue::leave);
  CHECK(stays.quiet == kRetireGrace);
  CHECK(ends.quiet == TestListeners::kIdleTimeout);
  at.listeners.cancel_migration();
  CHECK(stays.quiet == kRetireGrace);
  CHECK_FALSE(ends.quiet);
}

// ---- the end

/// A connection, or one that still arrives, in each place where one may be.
void fill(TestListeners& at) {
  at.visit(at.front);
  at.listeners.stop_listening(at.front.id, Queue::accept);
  at.listeners.listen(at.front.id, at.front.socket);
  at.visit(at.front);
  at.connect_to(at.behind);
  at.add(at.front.id, true);
  at.add(at.front.id, false);
  at.add_arrival(at.behind.id, true);
  at.add_arrival(at.behind.id, false);
  at.visit(at.side, 70);
  for (Visit& each : at.visits) each.is_busy = true;
  at.listeners.migrate(at.side.id);  // Some of them wait for their turn, as do those that still arrive.
  at.listeners.migrate(at.behind.id);
  CHECK(at.inside() == 77);
}

TEST_CASE("a close ends every connection, wherever it is, and counts it once") {
  TestListeners at;
  fill(at);
  at.listeners.close_all();
  CHECK(at.inside() == 0);
  CHECK(at.open_visits() == 0);
  at.listeners.close_all();
  at.executor.turn();
  CHECK(at.inside() == 0);
  CHECK(at.moved.empty());
}

TEST_CASE("what has its last answer stays open when the worker stops; all else ends, and counts once") {
  TestListeners at;
  fill(at);
  Visit& answered = at.visits.front();
  answered.is_lingering = true;
  at.listeners.answer_all();
  CHECK(at.inside() == 1);
  CHECK(answered.is_open());
  CHECK(at.open_visits() == 1);
  at.listeners.answer_all();
  CHECK(at.inside() == 1);
  at.listeners.close_all();
  CHECK(at.inside() == 0);
}

TEST_CASE("listeners that are dropped close what is theirs") {
  TestListeners at;
  const TestListener other{.id = "192.0.2.1:82"};
  {
    ServedListeners others(at.network, at.context, at.make_connection, [&] { ++at.accepted; });
    others.listen(other.id, other.socket);
    at.visit(other);
    CHECK(at.inside() == 1);
  }
  CHECK(at.inside() == 0);
  CHECK(at.open_visits() == 0);
}

}  // namespace
}  // namespace sluice::proxy
