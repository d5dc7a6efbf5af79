// What the tests of this folder share: a pool on one worker, with backends that are nothing but their states.
#pragma once

#include <sluice/upstream/pool.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {

/// With backends of which each takes so many requests at a time; 0: any number.
inline config::Pool bounded(std::initializer_list<uint32_t> bounds) {
  config::Pool pool;
  for (const uint32_t bound : bounds) pool.backends.push_back({.max_requests = bound});
  return pool;
}

/// Of backends to which no connection is made.
struct NoConnections {
  HeldClock clock;
  Deadlines deadlines{clock};
  Connector connector{.deadlines = deadlines, .connect = {}, .adopt = {}, .codec = {}};
};

/// Backends at 192.0.2.1:9001, :9002 ..., all healthy.
struct World {
  explicit World(size_t backends, config::Pool settings = {}, unsigned the_worker = 0, unsigned workers = 1,
                 const World* other = nullptr)
      : worker(the_worker), pool("shop", deadlines, the_worker, workers) {
    auto made = std::make_shared<config::Pool>(std::move(settings));
    made->backends.resize(backends);
    for (size_t i = 0; i < backends; ++i) {
      made->backends[i].address = address(i);
      if (other == nullptr) {
        states.push_back(std::make_shared<BackendState>("shop", address(i)));
        states.back()->set_health(HealthState::healthy);
      } else {
        states.push_back(other->states[i]);
      }
      members.push_back(std::make_shared<Backend>(
          states.back(), worker, none.connector, [this](const auto&) { ++reports; },
          [this](const auto&, unsigned whose) { rooms.push_back(whose); }));
    }
    config = made;
    pool.update(config, members);
  }
  static Address address(size_t index) {
    return Address::parse("192.0.2.1:9000")->with_port(static_cast<uint16_t>(9001 + index));
  }
  static char digit(const Lease& lease) {
    return static_cast<char>('0' + lease.backend().address().port() % 10);
  }
  /// The last digit of the port that is picked, or -.
  char pick(std::vector<const Backend*> tried = {}, std::optional<uint64_t> key = {}) {
    const auto lease = pool.try_pick({.tried = tried, .key = key});
    return lease ? digit(*lease) : '-';
  }
  /// For the first backend alone, as a client asks whose login is there.
  PickRequest own() const { return {.only = members[0].get()}; }
  /// Another configuration of the same backends.
  void reconfigure(const std::function<void(config::Pool&)>& change, const std::string& zone = {}) {
    auto next = std::make_shared<config::Pool>(*config);
    change(*next);
    config = next;
    pool.update(config, members, zone);
  }
  void pass(Duration time) {
    clock.advance(time);
    deadlines.expire();
  }

  HeldClock clock;
  Deadlines deadlines{clock};
  NoConnections none;
  std::vector<std::shared_ptr<BackendState>> states;
  std::vector<std::shared_ptr<Backend>> members;
  std::shared_ptr<const config::Pool> config;
  int reports = 0;
  std::vector<unsigned> rooms;  // workers that were notified of room
  unsigned worker;
  Pool pool;
};

/// A request that waits, and keeps what it gets.
struct Waiter {
  explicit Waiter(World& world, const PickRequest& ask = {})
      : wait(world.pool.wait_for_backend(place, ask, Duration{5000}, [this](Result<Lease> got) {
          has_failed = !got;
          if (got) lease = *std::move(got);
        })) {}
  QueueEntry place;
  std::optional<Lease> lease;
  bool has_failed = false;
  Wait wait;
};

}  // namespace sluice::upstream
