// What the tests of this folder share: one worker on a held clock, with a generation whose routes lead to one
// pool of healthy backends.
#pragma once

#include <sluice/proxy/exchange_context.h>
#include <sluice/proxy/in_flight.h>
#include <sluice/proxy/local_generation.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/test_streams.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

/// A configuration's parts that matter here; pools and backends are TestWorker's.
struct TestSettings {
  config::Config config{};  ///< without a route it gets one, named "web"
  config::Pool pool{};
  size_t backends = 2;
};

/// Worker 0 of 1. Backends at 192.0.2.9:9001, :9002 ..., of version "v1", "v2" ....
struct TestWorker {
  explicit TestWorker(TestSettings settings = {}) {
    auto made = std::make_shared<config::Pool>(std::move(settings.pool));
    made->name = "shop";
    for (size_t i = 0; i < settings.backends; ++i) {
      made->backends.push_back({.address = address(i), .version = "v" + std::to_string(i + 1)});
      states.push_back(std::make_shared<upstream::BackendState>("shop", address(i)));
      states.back()->set_health(upstream::HealthState::healthy);
      members.push_back(
          std::make_shared<upstream::Backend>(states.back(), 0, dialer.connector, [](const auto&) {}));
    }
    pool->update(made, members);
    if (settings.config.routes.empty()) settings.config.routes.push_back({.name = "web", .pool = "shop"});
    context.recent.configure(settings.config.recent_requests);
    adopt(generation, 7, std::move(settings.config));
  }

  static Address address(size_t backend) {
    return Address::parse("192.0.2.9:9000")->with_port(static_cast<uint16_t>(9001 + backend));
  }
  /// `local` is this worker's part of a new generation.
  void adopt(LocalGeneration& local, uint64_t number, config::Config config) const {
    config.pools["shop"] = pool->config();
    std::map<std::string, Generation::States, std::less<>> of_pools;
    of_pools["shop"] = states;
    const size_t routes = config.routes.size();
    local.shared = std::make_shared<Generation>(
        number, "test", std::make_shared<const config::Config>(std::move(config)), std::move(of_pools), 1);
    local.targets_of_route.assign(routes, WeightedTargets{{.pool = pool, .settings = pool->config()}});
  }
  /// As far as an exchange has brought a request that has a route and a pool.
  void begin(InFlight& flight, wire::ServerStream& client) {
    flight.begin(context, client, generation, 0);
    flight.started = clock.now();
    flight.follow(0);
    flight.pool = pool;
    flight.settings = pool->config();
  }

  /// A stream of a new connection to a backend.
  upstream::StreamPtr open_stream(size_t backend) {
    upstream::StreamPtr opened;
    const auto wait =
        members[backend]->connections().open_stream({}, [&](auto stream) { opened = *std::move(stream); });
    dialer.accept();
    return opened;
  }
  void pass(Duration time) {
    clock.advance(time);
    deadlines.expire();
  }
  /// A probe has found it so.
  void probed(size_t backend, upstream::HealthState health) {
    states[backend]->set_health(health);
    members[backend]->checked();
  }
  uint64_t ended(observe::Disposition how) const { return counters.ended[static_cast<size_t>(how)].get(); }
  /// Every disposition that was counted, as "ok=1 backend_error=2 ".
  std::string ended() const {
    std::string all;
    for (size_t i = 0; i < observe::kDispositions; ++i) {
      const auto how = static_cast<observe::Disposition>(i);
      if (ended(how) > 0) all += std::string(name(how)) + "=" + std::to_string(ended(how)) + " ";
    }
    return all;
  }
  /// Every tally, as "failed shop v1 backend_closed=1 ".
  std::string tallies() const {
    observe::TallySums sums;
    counters.tallies.add_to(sums);
    std::string all;
    for (const auto& [key, count] : sums) {
      if (count == 0) continue;
      const std::string pool_name = key.pool.empty() ? "-" : key.pool;
      const std::string version = key.version.empty() ? "-" : key.version;
      all += std::string(name(key.event)) + " " + pool_name + " " + version + " " + key.cause + "=" +
             std::to_string(count) + " ";
    }
    return all;
  }

  HeldClock clock;
  Deadlines deadlines{clock};
  observe::WorkerCounters counters;
  observe::AccessLog access;
  TestDialer dialer{deadlines};
  ExchangeContext context{
      .deadlines = deadlines, .counters = counters, .access = access, .ids = RequestIds(1)};
  std::vector<std::shared_ptr<upstream::BackendState>> states;
  std::vector<std::shared_ptr<upstream::Backend>> members;
  std::shared_ptr<upstream::Pool> pool = std::make_shared<upstream::Pool>("shop", deadlines, 0, 1);
  LocalGeneration generation;
};

}  // namespace sluice::proxy
