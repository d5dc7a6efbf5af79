#include <sluice/base/deadlines.h>

#include <list>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace sluice {
namespace {

/// Time that a test holds, and the timer that the loop would have.
struct Held {
  HeldClock clock;
  Deadlines deadlines{clock};
  std::vector<Duration> announced;  // from the start
  TimePoint start = clock.now();

  Held() {
    deadlines.on_earlier([this](TimePoint when) { announced.push_back(when - start); });
  }
  void pass(Duration time) {
    clock.advance(time);
    deadlines.expire();
  }
};

TEST_CASE("a deadline runs once, not before its time") {
  Held held;
  int runs = 0;
  Deadline deadline([&] { ++runs; });
  held.deadlines.arm(deadline, Duration{10});
  CHECK(deadline.is_armed());
  held.pass(Duration{9});
  CHECK(runs == 0);
  held.pass(Duration{1});
  CHECK(runs == 1);
  CHECK_FALSE(deadline.is_armed());
  held.pass(Duration{100});
  CHECK(runs == 1);
}

TEST_CASE("a deadline that is disarmed or destroyed does not run") {
  Held held;
  Deadline disarmed([] { FAIL("disarmed"); });
  held.deadlines.arm(disarmed, Duration{10});
  {
    Deadline destroyed([] { FAIL("destroyed"); });
    held.deadlines.arm(destroyed, Duration{10});
  }
  disarmed.disarm();
  held.pass(Duration{20});
}

TEST_CASE("no time at all means no bound") {
  Held held;
  Deadline deadline([] { FAIL("there is no bound"); });
  held.deadlines.arm(deadline, Duration{5});
  held.deadlines.arm(deadline, Duration{0});
  CHECK_FALSE(deadline.is_armed());
  held.deadlines.arm(deadline, Duration{-1});
  CHECK_FALSE(deadline.is_armed());
  held.pass(Duration{20});
}

TEST_CASE("arming again counts from now") {
  Held held;
  int runs = 0;
  Deadline deadline([&] { ++runs; });
  held.deadlines.arm(deadline, Duration{10});
  held.pass(Duration{9});
  held.deadlines.arm(deadline, Duration{10});
  held.pass(Duration{9});
  CHECK(runs == 0);
  held.pass(Duration{1});
  CHECK(runs == 1);
}

TEST_CASE("arming something earlier tells the timer, arming something later does not") {
  Held held;
  Deadline slow([] {});
  Deadline quick([] {});
  Deadline middle([] {});
  held.deadlines.arm(slow, Duration{100});
  held.deadlines.arm(quick, Duration{10});
  held.deadlines.arm(middle, Duration{50});
  CHECK(held.announced == std::vector<Duration>{Duration{100}, Duration{10}});
  CHECK(held.deadlines.next() == held.start + Duration{10});
  held.pass(Duration{10});
  CHECK(held.announced.back() == Duration{50});
}

TEST_CASE("the timer is never told too late, whatever is armed, disarmed and expired") {
  Held held;
  uint32_t random = 1;
  const auto next = [&](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % below;
  };
  std::vector<std::unique_ptr<Deadline>> all;
  std::vector<TimePoint> due(20);
  for (size_t i = 0; i < due.size(); ++i) {
    all.push_back(std::make_unique<Deadline>([&, i] { CHECK(held.clock.now() == due[i]); }));
  }
  for (int step = 0; step < 20'000; ++step) {
    const size_t i = next(static_cast<uint32_t>(all.size()));
    if (next(3) == 0) {
      all[i]->disarm();
    } else {
      const Duration after{1 + next(30)};
      held.deadlines.arm(*all[i], after);
      due[i] = held.clock.now() + after;
    }
    held.clock.advance(Duration{next(2)});
    // As the timer would: at what was announced last, which may be early and is never late.
    if (!held.announced.empty() && held.start + held.announced.back() <= held.clock.now())
      held.deadlines.expire();
  }
}

TEST_CASE("a callback may destroy its own deadline, and another that is due") {
  Held held;
  auto self = std::make_unique<Deadline>();
  auto other = std::make_unique<Deadline>([] { FAIL("was destroyed first"); });
  self->set_callback([&, captured = std::string("as long as it takes to live on the heap")] {
    self.reset();
    other.reset();
    CHECK(captured.size() == 39);
  });
  held.deadlines.arm(*self, Duration{10});
  held.deadlines.arm(*other, Duration{10});
  held.pass(Duration{10});
  CHECK_FALSE(self);
}

TEST_CASE("a callback may arm its own deadline again, and others of new lengths") {
  Held held;
  int runs = 0;
  Deadline other([&] { runs += 100; });
  Deadline self;
  self.set_callback([&] {
    ++runs;
    held.deadlines.arm(self, Duration{10});
    held.deadlines.arm(other, Duration{3});
  });
  held.deadlines.arm(self, Duration{10});
  held.pass(Duration{10});
  CHECK(runs == 1);
  CHECK(held.announced.back() == Duration{13});
  held.pass(Duration{3});
  CHECK(runs == 101);
  held.pass(Duration{7});
  CHECK(runs == 102);
}

TEST_CASE("deadlines may outlive the list they are armed in") {
  Deadline deadline([] { FAIL("must not run"); });
  {
    Held held;
    held.deadlines.arm(deadline, Duration{10});
  }
  CHECK_FALSE(deadline.is_armed());
}

TEST_CASE("many lengths of time, one after the other, do not pile up and all work") {
  Held held;
  int runs = 0;
  for (int length = 1; length <= 200; ++length) {
    Deadline deadline([&] { ++runs; });
    held.deadlines.arm(deadline, Duration{length});
    held.pass(Duration{length});
  }
  CHECK(runs == 200);
  CHECK_FALSE(held.deadlines.next());
}

TEST_CASE("many lengths of time at once leave little behind, and those that are in use stay") {
  Held held;
  int runs = 0;
  std::list<Deadline> deadlines;
  for (int length = 1; length <= 200; ++length) {
    held.deadlines.arm(deadlines.emplace_back([&] { ++runs; }), Duration{length});
  }
  CHECK(held.deadlines.lengths() == 200);
  held.pass(Duration{150});
  CHECK(runs == 150);
  CHECK(held.deadlines.lengths() == 50);
  held.pass(Duration{50});
  CHECK(runs == 200);
  CHECK(held.deadlines.lengths() <= 16);
}

}  // namespace
}  // namespace sluice
