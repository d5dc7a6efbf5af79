// One worker over a network in memory: from a client that connects to a backend's answer, without a socket of
// either.
#include <sluice/proxy/service.h>

#include <fcntl.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/held_executor.h"
#include "net/memory_network.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

/// One listener, and one route, to a pool with one backend.
struct HeldService {
  HeldService() {
    auto pool = std::make_shared<config::Pool>();
    pool->name = "shop";
    pool->backends.push_back({.address = state->address()});
    auto config = std::make_shared<config::Config>();
    config->pools["shop"] = pool;
    config->routes.push_back({.name = "web", .pool = "shop"});
    config->listeners = {{.bind = *Address::parse(listener)}};
    state->set_health(upstream::HealthState::healthy);
    std::map<std::string, Generation::States, std::less<>> states;
    states["shop"] = {state};
    service.adopt(std::make_shared<Generation>(1, "test", config, std::move(states), 1));
    service.listen(listener, socket);
  }

  /// A request on the client's connection, and the backend's answer to it.
  void ask(net::MemoryTransport& client) {
    client.arrive("GET /cart HTTP/1.1\r\nHost: h\r\n\r\n");
    executor.turn();
    REQUIRE(network.dialing() == " 9001");
    net::MemoryTransport& backend = network.answer();
    executor.turn();
    CHECK(backend.written.starts_with("GET /cart HTTP/1.1\r\n"));
    backend.arrive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    executor.turn();
    CHECK(client.written.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(client.written.ends_with("hello"));
  }
  uint64_t connections() const { return counters.connections.get(); }

  HeldExecutor executor;
  net::MemoryNetwork network{executor};
  const std::string listener = "192.0.2.1:80";
  net::ListeningSocket socket =
      *net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone);
  std::shared_ptr<upstream::BackendState> state =
      std::make_shared<upstream::BackendState>("shop", *Address::parse("192.0.2.9:9001"));
  observe::WorkerCounters counters;
  entrance::ClientCounts client_counts;
  ClientRoom client_room;
  upstream::QueueCounts queue_counts;
  Service service{network,
                  {.counters = counters,
                   .client_counts = client_counts,
                   .client_room = client_room,
                   .queue_counts = queue_counts,
                   .on_trouble = [](const auto&) {},
                   .on_generation_drained = [](uint64_t) {},
                   .on_moved = [](auto) {}}};
};

TEST_CASE("a client that connects is answered by a backend, and the worker is empty once it has left") {
  HeldService held;
  net::MemoryTransport& client = held.network.connect_to(held.socket);
  held.executor.turn();
  CHECK(held.connections() == 1);
  held.ask(client);
  bool is_empty = false;
  held.service.when_empty([&] { is_empty = true; });
  client.end();
  held.executor.turn();
  CHECK(is_empty);
  CHECK(held.connections() == 0);
  CHECK(held.counters.connections_accepted.get() == 1);
}

TEST_CASE("a connection that another owner has left is answered like any other") {
  HeldService held;
  held.service.adopt({.record = {.listener = held.listener},
                      .client = net::Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC))});
  CHECK(held.connections() == 1);
  held.ask(held.network.adopted());
  CHECK(held.counters.connections_accepted.get() == 0);
}

TEST_CASE("a connection that cannot be gone on with counts nowhere, and a tunnel's request has failed") {
  HeldService held;
  held.service.adopt({.record = {.listener = held.listener}});
  held.service.adopt({.record = {.listener = held.listener, .tunnel = TunnelState()}});
  CHECK(held.connections() == 0);
  const observe::Account account = held.service.account();
  CHECK(account.adopted == 1);
  CHECK(account.is_balanced());
  CHECK(account.ended[static_cast<size_t>(observe::Disposition::failed_stopped)] == 1);
}

}  // namespace
}  // namespace sluice::proxy
