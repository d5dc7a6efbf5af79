// What control makes of evidence, in pools without probes: each change is reported once, with its cause.
#include <sluice/net/loop.h>
#include <sluice/upstream/monitor.h>

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::minutes;

constexpr Duration kLong = std::chrono::seconds(10);
constexpr Evidence kFailures{.kind = Evidence::Kind::failures, .cause = observe::Cause::backend_closed};
constexpr Evidence kDrainEvidence{.kind = Evidence::Kind::drains};

/// Backends 1, 2 ... of one pool without probes; what becomes of them as "1 ejected: cause".
struct Watch {
  explicit Watch(size_t backends, config::Ejection ejection = {.enabled = true, .time = minutes(1)}) {
    settings.name = "shop";
    settings.health.enabled = false;
    settings.ejection = ejection;
    settings.drain_header = {.name = "X-Bye", .hold = minutes(1)};
    for (size_t i = 0; i < backends; ++i) {
      const auto port = static_cast<uint16_t>(9001 + i);
      settings.backends.push_back({.address = Address::parse("192.0.2.1:9000")->with_port(port)});
      states.push_back(std::make_shared<BackendState>("shop", settings.backends.back().address));
      states.back()->set_health(HealthState::healthy);
    }
    apply();
  }
  /// As after a reload.
  void apply() {
    const auto pool = std::make_shared<const config::Pool>(settings);
    std::vector<Target> targets;
    for (const auto& state : states) targets.push_back({state, pool});
    monitor.watch(targets);
  }
  void judge(size_t backend, const Evidence& evidence = kFailures) {
    monitor.apply_evidence(states[backend - 1], evidence);
  }
  HealthState health(size_t backend) const { return states[backend - 1]->health(); }
  HealthRecord standing(size_t backend) const { return monitor.health_record(*states[backend - 1]); }
  /// What was reported since the last call.
  std::vector<std::string> told() { return std::exchange(told_, {}); }

  net::Loop loop;
  NoLog log;
  config::Pool settings;
  std::vector<std::shared_ptr<BackendState>> states;
  std::vector<std::string> told_;
  std::string checked;  // the backends that were, in their order
  Monitor monitor{loop, log, [this](const auto& state) { checked += state->address().text().back(); }, 1,
                  [this](const Transition& it) {
                    const char backend = it.backend.text().back();
                    told_.push_back(std::string(1, backend) + " " + std::string(name(it)) + ": " + it.cause);
                  }};
};

using Told = std::vector<std::string>;
const std::string kRow = "5 failures in a row, the last: backend_closed";

TEST_CASE("a full row ejects, and the ejection ends by itself") {
  Watch watch(2, {.enabled = true, .time = Duration{20}});
  watch.judge(1);
  CHECK(watch.health(1) == HealthState::ejected);
  CHECK(watch.standing(1).cause == kRow);
  CHECK(watch.standing(1).ejections == 1);
  CHECK(watch.standing(1).ejected > Duration::zero());
  watch.judge(1);  // What was under way fails, too: nothing new.
  CHECK(watch.loop.run_until([&] { return watch.health(1) == HealthState::healthy; }, kLong));
  CHECK(watch.told() == Told{"1 ejected: " + kRow, "1 healthy: its time is over"});
  CHECK(watch.standing(1).cause.empty());
}

TEST_CASE("the row begins anew when an ejected backend is back") {
  Watch watch(2);
  watch.judge(1);
  watch.states[0]->failures_in_a_row().add(5);
  watch.monitor.clear(watch.states[0]);
  CHECK(watch.states[0]->failures_in_a_row().length() == 0);
  CHECK(watch.standing(1) == HealthRecord());
  CHECK(watch.told() == Told{"1 ejected: " + kRow, "1 healthy: ready, by an admin"});
}

TEST_CASE("no more than the share is ejected, and that is reported, but not for every row") {
  Watch watch(4);
  for (const size_t backend : {1U, 2U, 3U, 3U, 3U}) watch.judge(backend);
  CHECK(watch.told() == Told{"1 ejected: " + kRow, "2 ejected: " + kRow,
                             "3 not ejected: " + kRow + "; as many of the pool are ejected as may be"});
  CHECK(watch.health(3) == HealthState::healthy);
}

TEST_CASE("the last one is never ejected, and when the others go those that were are back") {
  Watch watch(3, {.enabled = true, .time = minutes(1), .share = 100});
  watch.judge(1);
  watch.judge(2);
  watch.judge(3);
  CHECK(watch.told() == Told{"1 ejected: " + kRow, "2 ejected: " + kRow,
                             "3 not ejected: " + kRow + "; no other backend is available"});
  SUBCASE("it drains by its own word") {
    watch.judge(3, kDrainEvidence);
  }
  SUBCASE("it is drained by an admin") {
    watch.settings.backends[2].drain = true;
    watch.apply();
  }
  SUBCASE("it is removed") {
    watch.settings.backends.pop_back();
    watch.states.pop_back();
    watch.apply();
  }
  CHECK(watch.health(1) == HealthState::healthy);
  CHECK(watch.health(2) == HealthState::healthy);
  const Told told = watch.told();
  REQUIRE(told.size() >= 2);
  CHECK(told.back().ends_with(" healthy: no other backend is available"));
}

TEST_CASE("one that an admin has drained does not count as another") {
  Watch watch(2);
  watch.settings.backends[1].drain = true;
  watch.apply();
  watch.judge(1);
  CHECK(watch.health(1) == HealthState::healthy);
}

TEST_CASE("a reload keeps what traffic has said, and ends it where the pool wants none of it") {
  Watch watch(4);
  watch.judge(1);
  watch.judge(2, kDrainEvidence);
  watch.settings.queue.max = 5;
  watch.apply();
  CHECK(watch.health(1) == HealthState::ejected);
  CHECK(watch.health(2) == HealthState::draining);
  watch.told();
  watch.settings.ejection.enabled = false;
  watch.settings.drain_header.name.clear();
  watch.apply();
  CHECK(watch.told() ==
        Told{"1 healthy: the pool ejects no more", "2 healthy: the pool has no drain header any more"});
  watch.judge(1);
  watch.judge(1, kDrainEvidence);  // Of a request of before.
  CHECK(watch.told().empty());
}

TEST_CASE("the next process goes on with what is left") {
  Watch before(3);
  before.judge(1);
  before.judge(2, kDrainEvidence);
  Watch after(3);
  for (size_t i = 1; i <= 3; ++i) after.monitor.restore(after.states[i - 1], before.standing(i));
  CHECK(after.told() == Told{"1 ejected: " + kRow, "2 draining: a response said X-Bye"});
  CHECK(after.standing(1).ejections == 1);
  CHECK(after.standing(1).ejected > Duration::zero());
  CHECK(after.standing(1).ejected <= minutes(1));
  CHECK(after.standing(2).held_draining > Duration::zero());
  CHECK(after.health(3) == HealthState::healthy);
}

TEST_CASE("one that warms up goes on with that in the next process, and one that is warm stays so") {
  const auto is_warm = [](const Watch& watch, size_t i) {
    return watch.states[i - 1]->healthy_since() == TimePoint();
  };
  Watch before(2);
  before.settings.slow_start = minutes(5);
  before.apply();
  before.monitor.reset(before.states[0]);
  REQUIRE_FALSE(is_warm(before, 1));
  CHECK(before.standing(1).warming > Duration::zero());
  CHECK(before.standing(2).warming == Duration::zero());
  Watch after(2);
  after.settings.slow_start = minutes(6);
  after.apply();
  for (size_t i = 1; i <= 2; ++i) after.monitor.restore(after.states[i - 1], before.standing(i));
  CHECK(after.standing(1).warming > Duration::zero());
  CHECK(after.standing(1).warming <= minutes(5));
  CHECK(is_warm(after, 2));
  before.settings.slow_start = Duration::zero();
  before.apply();
  CHECK(before.standing(1).warming == Duration::zero());
}

TEST_CASE("however many workers report one trouble, it is one: it is left alone for no longer") {
  Watch watch(2);
  const auto report = [&](size_t backend, int workers) {
    for (int i = 0; i < workers; ++i) watch.monitor.check_now(watch.states[backend - 1]);
  };
  report(1, 8);
  report(2, 1);
  CHECK(watch.loop.run_until([&] { return watch.checked == "12"; }, kLong));
  report(1, 1);
  report(2, 1);
  CHECK(watch.loop.run_until([&] { return watch.checked.ends_with('2') && watch.checked != "12"; }, kLong));
  CHECK(watch.checked == "1212");
}

TEST_CASE("a backend that an admin drains and has back is reported, and starts cold") {
  Watch watch(2);
  watch.monitor.tell_drained(*watch.states[0]);
  watch.monitor.reset(watch.states[0]);
  CHECK(watch.health(1) == HealthState::healthy);
  CHECK(watch.states[0]->healthy_since() != TimePoint());
  CHECK(watch.told() ==
        Told{"1 draining: drained, by an admin", "1 starting: ready, by an admin", "1 healthy: "});
}

TEST_CASE("a word that it drains holds for its time, and each one anew") {
  Watch watch(2);
  watch.settings.drain_header.hold = Duration{20};
  watch.apply();
  watch.judge(1, kDrainEvidence);
  watch.judge(1, kDrainEvidence);
  CHECK(watch.health(1) == HealthState::draining);
  CHECK(watch.loop.run_until([&] { return watch.health(1) == HealthState::healthy; }, kLong));
  CHECK(watch.told() == Told{"1 draining: a response said X-Bye", "1 healthy: its time is over"});
}

}  // namespace
}  // namespace sluice::upstream
