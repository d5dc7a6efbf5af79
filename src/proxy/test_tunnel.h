// What the tests of tunnels share: a client and a backend that have switched protocols.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "proxy/test_tools.h"
#include "proxy/tunnel.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

/// At the first of two backends. Its owner drops it once it is over.
struct TestTunnel {
  explicit TestTunnel(TestSettings settings = {},
                      upstream::HealthState of_backend = upstream::HealthState::healthy)
      : worker(std::move(settings)) {
    worker.probed(0, of_backend);
    worker.begin(flight, client);
    flight.choose_request_id();
    flight.attempts = 1;
    auto stream = worker.open_stream(0);
    backend = worker.dialer.adopted();
    to_backend = backend->sink.taken();
    auto lease = upstream::Backend::lease(worker.members[0]);
    REQUIRE(lease);
    tunnel = std::make_unique<Tunnel>(
        flight, TunnelBackend{.lease = *std::move(lease), .stream = std::move(stream)}, [this](Ending how) {
          over += how == Ending::finish ? "finish" : "abort";
          tunnel.reset();
        });
  }
  /// Until both directions carry bytes, unless a side is blocked.
  void start(wire::Flow to_client_flow = wire::Flow::open) {
    tunnel->start(to_client_flow);
    backend->sink.turn();
  }

  TestWorker worker;
  TestClient client{"GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"};
  InFlight flight;
  std::shared_ptr<Taken> to_client = client.sink.taken();
  TestBackend* backend = nullptr;  ///< as long as the tunnel lives
  std::shared_ptr<Taken> to_backend;
  std::string over;  ///< how it was: "finish" or "abort"; empty as long as it is not
  std::unique_ptr<Tunnel> tunnel;
};

}  // namespace sluice::proxy
