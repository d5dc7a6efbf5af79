// The watch over backends: when each is asked again.
#include <sluice/upstream/monitor.h>

#include "upstream/test_probes.h"

namespace sluice::upstream {
namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kBroken = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n";
const std::string kDrains = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
constexpr Duration kNever{600'000};

/// A monitor of backends that all are one origin, or one that refuses.
struct ProbedPool {
  explicit ProbedPool(config::Health health, const std::string& answer = kOk) : origin(loop, {answer}) {
    pool->name = "shop";
    pool->health = std::move(health);
    state = std::make_shared<BackendState>("shop", origin.address());
  }
  void begin() { monitor.watch({{state, pool}}); }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kLong); }
  bool becomes(HealthState health) {
    return until([&] { return state->health() == health; });
  }

  net::Loop loop;
  NoLog log;
  std::shared_ptr<config::Pool> pool = std::make_shared<config::Pool>();
  Origin origin;
  std::shared_ptr<BackendState> state;
  int checked = 0;
  std::function<void()> on_checked = [] {};
  Monitor monitor{loop, log,
                  [this](const auto&) {
                    ++checked;
                    on_checked();
                  },
                  1};
};

/// Asked again after so long at most only by its fast interval.
config::Health patient(unsigned rise, unsigned fall) {
  return {.interval = kNever, .fast_interval = Duration{1}, .rise = rise, .fall = fall};
}

TEST_CASE("a new backend is asked at once, and quickly until it has passed often enough") {
  ProbedPool watch(patient(5, 3));
  watch.begin();
  CHECK(watch.becomes(HealthState::healthy));
  CHECK(watch.origin.visitors() == 5);
}

TEST_CASE("a new backend that fails is asked quickly until it is down, and then no more") {
  ProbedPool watch(patient(1, 4), kBroken);
  watch.begin();
  CHECK(watch.becomes(HealthState::down));
  CHECK(watch.origin.visitors() == 4);
  CHECK_FALSE(watch.loop.run_until([&] { return watch.origin.visitors() > 4; }, Duration{50}));
  CHECK(watch.monitor.health_record(*watch.state).cause == "GET /ping: 500, expected 200");
}

TEST_CASE("what a probe was answered is forgotten when probes end, and when an admin says that it is ready") {
  ProbedPool watch(patient(1, 1), kBroken);
  watch.begin();
  REQUIRE(watch.becomes(HealthState::down));
  CHECK(watch.state->probe_answer() == "GET /ping: 500, expected 200");
  SUBCASE("a reload") {
    watch.pool = std::make_shared<config::Pool>(*watch.pool);
    watch.pool->health.enabled = false;
    watch.begin();
  }
  SUBCASE("an admin") {
    watch.monitor.reset(watch.state);
  }
  CHECK(watch.state->probe_answer().empty());
}

TEST_CASE("one failure of a healthy backend is followed up quickly") {
  ProbedPool watch(patient(1, 4), kBroken);
  watch.state->set_health(HealthState::healthy);
  watch.begin();
  CHECK(watch.becomes(HealthState::down));
  CHECK(watch.origin.visitors() == 4);
}

TEST_CASE("a backend that nothing is known of is left alone for its initial delay") {
  ProbedPool watch({.initial_delay = kNever});
  watch.begin();
  CHECK_FALSE(watch.loop.run_until([&] { return watch.origin.visitors() > 0; }, Duration{50}));
  watch.begin();  // A generation later it still waits.
  CHECK_FALSE(watch.loop.run_until([&] { return watch.origin.visitors() > 0; }, Duration{20}));
  CHECK(watch.state->health() == HealthState::starting);
  ProbedPool short_delay({.interval = kNever, .initial_delay = Duration{30}});
  const TimePoint before = short_delay.loop.clock().now();
  short_delay.begin();
  CHECK(short_delay.becomes(HealthState::healthy));
  CHECK(short_delay.loop.clock().now() - before >= Duration{30});
}

TEST_CASE("an initial delay ends when a reload takes it away, and when an admin says that it is ready") {
  ProbedPool watch({.initial_delay = kNever});
  watch.begin();
  SUBCASE("a reload") {
    watch.pool = std::make_shared<config::Pool>(*watch.pool);
    watch.pool->health.initial_delay = Duration::zero();
    watch.begin();
  }
  SUBCASE("an admin") {
    watch.monitor.reset(watch.state);
  }
  CHECK(watch.becomes(HealthState::healthy));
}

TEST_CASE("a backend that is known is not left alone") {
  ProbedPool healthy({.initial_delay = kNever});
  healthy.state->set_health(HealthState::healthy);
  healthy.begin();
  CHECK(healthy.until([&] { return healthy.origin.visitors() > 0; }));
  ProbedPool asked({.interval = kNever});
  asked.begin();
  REQUIRE(asked.becomes(HealthState::healthy));
  asked.pool = std::make_shared<config::Pool>(*asked.pool);
  asked.pool->health.initial_delay = kNever;
  asked.begin();
  CHECK(asked.until([&] { return asked.origin.visitors() > 1; }));
  ProbedPool inherited({.initial_delay = kNever});
  inherited.state->set_inherited();
  inherited.begin();
  CHECK(inherited.becomes(HealthState::healthy));
}

TEST_CASE("what traffic reports is looked at now, and reported") {
  ProbedPool watch({.interval = kNever});
  watch.state->set_health(HealthState::healthy);
  watch.begin();
  CHECK(watch.until([&] { return watch.origin.visitors() == 1; }));
  watch.monitor.check_now(watch.state);
  CHECK(watch.until([&] { return watch.checked > 0; }));
  CHECK(watch.monitor.load().under_way == 0);
  CHECK(watch.monitor.load().begun <= 2);
}

TEST_CASE("what cannot be asked since this process has no descriptors stays as it is, and is asked again") {
  ProbedPool watch(patient(1, 1));
  watch.begin();
  REQUIRE(watch.becomes(HealthState::healthy));
  const uint64_t before = watch.monitor.load().begun;
  {
    const NoDescriptors none;
    watch.monitor.check_now(watch.state);
    watch.checked = 0;
    CHECK(watch.until([&] { return watch.monitor.load().begun >= before + 3; }));
    CHECK(watch.state->health() == HealthState::healthy);
    CHECK(watch.checked == 0);
  }
  CHECK(watch.until([&] { return watch.checked > 0; }));
  CHECK(watch.state->health() == HealthState::healthy);
}

TEST_CASE("backends that leave while they are asked leave nothing behind") {
  ProbedPool watch({.timeout = kLong}, "");
  std::vector<Target> targets;
  for (int i = 0; i < 300; ++i) {
    targets.push_back({std::make_shared<BackendState>("shop", watch.origin.address()), watch.pool});
  }
  watch.monitor.watch(targets);
  CHECK(watch.until([&] { return watch.monitor.load().waiting == 300 - ProbeSchedule::kMostAtOnce; }));
  targets.resize(10);
  watch.monitor.watch(targets);
  CHECK(watch.monitor.load().under_way == 10);
  CHECK(watch.monitor.load().waiting == 0);
}

TEST_CASE("one that was there at the beginning starts warm, and cold whenever it comes back") {
  ProbedPool watch({.interval = kNever, .fast_interval = Duration{1}, .fall = 1});
  const auto is_cold = [&] { return watch.state->healthy_since() != TimePoint(); };
  const auto expect = [&](int status) {
    watch.pool = std::make_shared<config::Pool>(*watch.pool);
    watch.pool->health.expect = {{status, status}};
    watch.begin();
  };
  SUBCASE("it has just been proven") {
    watch.begin();
    REQUIRE(watch.becomes(HealthState::healthy));
    CHECK_FALSE(is_cold());
    watch.monitor.reset(watch.state);
  }
  SUBCASE("a process before has proven it") {
    watch.state->set_health(HealthState::healthy);
    watch.begin();
    expect(204);
    REQUIRE(watch.becomes(HealthState::down));
    CHECK_FALSE(is_cold());
    expect(200);
  }
  SUBCASE("a process before has proven it, and an admin has had it restarted") {
    watch.state->set_health(HealthState::healthy);
    watch.begin();
    watch.monitor.reset(watch.state);
  }
  SUBCASE("it was down for a process before") {
    watch.state->set_health(HealthState::down);
    watch.begin();
  }
  SUBCASE("it was down at first") {
    watch.pool->health.expect = {{204, 204}};
    watch.begin();
    REQUIRE(watch.becomes(HealthState::down));
    expect(200);
  }
  REQUIRE(watch.becomes(HealthState::healthy));
  CHECK(is_cold());
}

TEST_CASE("however often traffic reports trouble, a backend that passes is not asked all the time") {
  ProbedPool watch({.interval = kNever, .fast_interval = kNever});
  watch.state->set_health(HealthState::healthy);
  watch.begin();
  REQUIRE(watch.until([&] { return watch.origin.visitors() == 1; }));
  std::vector<TimePoint> looks;
  watch.on_checked = [&] {
    looks.push_back(watch.loop.clock().now());
    watch.monitor.check_now(watch.state);  // As a request that fails again at once.
  };
  watch.monitor.check_now(watch.state);
  CHECK(watch.until([&] { return looks.size() == 4; }));
  for (size_t i = 1; i < looks.size(); ++i) CHECK(looks[i] - looks[i - 1] >= Duration{50});
}

TEST_CASE("one that drains, goes and comes back has fallen once, and one that is not healthy does not fall") {
  ProbedPool watch({.interval = Duration{1}, .fast_interval = Duration{1}, .fall = 1});
  const auto becomes = [&](const std::string& answer, HealthState health) {
    watch.origin.answer(answer);
    REQUIRE(watch.becomes(health));
  };
  const auto is_flapping = [&] { return watch.monitor.health_record(*watch.state).is_flapping; };
  watch.begin();
  for (int i = 0; i < 4; ++i) {
    becomes(kOk, HealthState::healthy);
    becomes(kDrains, HealthState::draining);
    becomes(kBroken, HealthState::down);
  }
  for (int i = 0; i < 10; ++i) {
    becomes(kDrains, HealthState::draining);
    becomes(kBroken, HealthState::down);
  }
  CHECK_FALSE(is_flapping());
  becomes(kOk, HealthState::healthy);
  becomes(kDrains, HealthState::draining);
  CHECK(is_flapping());
}

TEST_CASE("other settings count from now on") {
  ProbedPool watch({.interval = kNever});
  watch.begin();
  CHECK(watch.becomes(HealthState::healthy));
  watch.pool = std::make_shared<config::Pool>(*watch.pool);
  watch.begin();  // The same settings in another generation: nothing happens.
  CHECK_FALSE(watch.loop.run_until([&] { return watch.origin.visitors() > 1; }, Duration{20}));
  watch.pool = std::make_shared<config::Pool>(*watch.pool);
  watch.pool->health.expect = {{204, 204}};
  watch.pool->health.fall = 1;
  watch.begin();
  CHECK(watch.becomes(HealthState::down));
}

}  // namespace
}  // namespace sluice::upstream
