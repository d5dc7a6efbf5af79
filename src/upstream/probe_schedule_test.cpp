// When backends are probed, by a clock that is held.
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/upstream/probe_schedule.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using ScheduledProbe = ProbeSchedule::ScheduledProbe;

/// Probes that note when they begin, and end when the test says so.
struct Field {
  explicit Field(size_t backends, uint64_t seed = 1) : schedule(deadlines, seed) {
    for (size_t i = 0; i < backends; ++i) {
      turns.emplace_back([this, i] { begun.push_back(i); });
    }
  }
  ~Field() { schedule.close(); }

  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += Duration{1}) {
      clock.advance(Duration{1});
      deadlines.expire();
    }
  }
  void plan_all(Duration after) {
    for (ScheduledProbe& turn : turns) schedule.plan(turn, after);
  }
  std::vector<size_t> take_begun() { return std::exchange(begun, {}); }

  HeldClock clock;
  Deadlines deadlines{clock};
  ProbeSchedule schedule;
  std::vector<size_t> begun;  // in this order
  std::deque<ScheduledProbe> turns;
};

std::vector<size_t> numbers(size_t first, size_t count) {
  std::vector<size_t> made(count);
  std::iota(made.begin(), made.end(), first);
  return made;
}

TEST_CASE("a probe begins when its time has come, and not before") {
  Field field(2);
  field.schedule.plan(field.turns[0], Duration{20});
  field.schedule.plan(field.turns[1], Duration{10});
  field.pass(Duration{9});
  CHECK(field.take_begun().empty());
  field.pass(Duration{1});
  CHECK(field.take_begun() == numbers(1, 1));
  field.pass(Duration{10});
  CHECK(field.take_begun() == numbers(0, 1));
  CHECK(field.schedule.load().under_way == 2);
  field.pass(Duration{1000});
  CHECK(field.take_begun().empty());  // Once.
}

TEST_CASE("one that is planned anew comes at the new time alone, and one that leaves not at all") {
  Field field(2);
  field.plan_all(Duration{10});
  field.schedule.plan(field.turns[0], Duration{30});
  field.schedule.leave(field.turns[1]);
  field.pass(Duration{29});
  CHECK(field.take_begun().empty());
  field.schedule.plan(field.turns[0], Duration{1});
  field.pass(Duration{100});
  CHECK(field.take_begun() == numbers(0, 1));
}

TEST_CASE("256 are under way at once, and the others wait in order") {
  Field field(600);
  field.plan_all(Duration::zero());
  field.pass(Duration{1});
  CHECK(field.take_begun() == numbers(0, 256));
  CHECK(field.schedule.load().under_way == 256);
  CHECK(field.schedule.load().waiting == 344);
  field.pass(Duration{40});
  CHECK(field.schedule.load().late == Duration{41});
  for (size_t i = 0; i < 100; ++i) field.schedule.plan(field.turns[i], Duration{10'000});
  CHECK(field.take_begun() == numbers(256, 100));
  CHECK(field.schedule.load().waiting == 244);
  for (size_t i = 100; i < 600; ++i) field.schedule.leave(field.turns[i]);
  CHECK(field.take_begun() == numbers(356, 244));
  CHECK(field.schedule.load().under_way == 0);
  CHECK(field.schedule.load().waiting == 0);
  CHECK(field.schedule.load().begun == 600);
}

TEST_CASE("how late probes are is the wait of the one that was due first") {
  Field field(600);
  for (size_t i = 0; i < 300; ++i) field.schedule.plan(field.turns[i], Duration::zero());
  for (size_t i = 300; i < 600; ++i) field.schedule.plan(field.turns[i], Duration{20});
  field.pass(Duration{41});
  CHECK(field.schedule.load().waiting == 344);
  CHECK(field.schedule.load().late == Duration{41});
}

TEST_CASE("one in a hurry is before all that wait, and is not begun twice") {
  Field field(300);
  field.plan_all(Duration::zero());
  field.pass(Duration{1});
  field.take_begun();
  field.schedule.hurry(field.turns[290]);
  field.schedule.hurry(field.turns[5]);  // Is under way.
  CHECK(field.take_begun().empty());
  CHECK(field.schedule.load().waiting == 44);
  field.schedule.leave(field.turns[0]);
  field.schedule.leave(field.turns[1]);
  CHECK(field.take_begun() == std::vector<size_t>{290, 256});
}

TEST_CASE("one in a hurry does not wait for its time") {
  Field field(1);
  field.plan_all(Duration{1000});
  field.schedule.hurry(field.turns[0]);
  CHECK(field.take_begun() == numbers(0, 1));
  field.pass(Duration{2000});
  CHECK(field.take_begun().empty());
}

TEST_CASE("one that goes makes room, also while it waits") {
  Field field(258);
  field.plan_all(Duration::zero());
  field.pass(Duration{1});
  field.take_begun();
  field.turns.pop_back();  // Waits.
  CHECK(field.schedule.load().waiting == 1);
  field.turns.pop_front();  // Is under way.
  CHECK(field.take_begun() == numbers(256, 1));
}

TEST_CASE("probes that are over as soon as they have begun need no stack as deep as they are many") {
  HeldClock clock;
  Deadlines deadlines(clock);
  ProbeSchedule schedule(deadlines, 1);
  std::deque<ScheduledProbe> turns;
  size_t begun = 0;
  for (size_t i = 0; i < 100'000; ++i) {
    turns.emplace_back([&, i] {
      ++begun;
      schedule.leave(turns[i]);
    });
    schedule.plan(turns[i], Duration{1});
  }
  clock.advance(Duration{1});
  deadlines.expire();
  CHECK(begun == turns.size());
  CHECK(schedule.load().under_way == 0);
}

TEST_CASE("intervals are up to a tenth shorter or longer, in all ways between, and by the seed") {
  Field field(0, 7);
  std::vector<Duration> drawn;
  for (int i = 0; i < 10'000; ++i) drawn.push_back(field.schedule.jittered(Duration{1000}));
  CHECK(*std::ranges::min_element(drawn) == Duration{900});
  CHECK(*std::ranges::max_element(drawn) == Duration{1100});
  const Duration sum = std::accumulate(drawn.begin(), drawn.end(), Duration{});
  CHECK(std::abs((sum / 10'000 - Duration{1000}).count()) <= 2);
  Field same(0, 7);
  Field other(0, 8);
  std::vector<Duration> other_drawn;
  for (const Duration one : drawn) {
    CHECK(same.schedule.jittered(Duration{1000}) == one);
    other_drawn.push_back(other.schedule.jittered(Duration{1000}));
  }
  CHECK(other_drawn != drawn);
  CHECK(field.schedule.jittered(Duration{5}) == Duration{5});  // A tenth of it is nothing.
}

TEST_CASE("those that begin together are spread over the interval") {
  Field field(0);
  std::vector<int> in_tenth(10);
  for (int i = 0; i < 1000; ++i) {
    const Duration first = field.schedule.spread(Duration{1000});
    CHECK(first > Duration::zero());
    CHECK(first <= Duration{1000});
    ++in_tenth[static_cast<size_t>((first.count() - 1) / 100)];
  }
  for (const int count : in_tenth) {
    CHECK(count >= 97);
    CHECK(count <= 103);
  }
}

TEST_CASE("ten thousand backends probed each second never need more than a few places at once") {
  constexpr size_t kBackends = 10'000;
  Field field(0);
  std::deque<ScheduledProbe> turns;
  std::vector<size_t> times(kBackends);
  std::vector<bool> is_spread(kBackends);
  size_t most = 0;
  std::vector<size_t> under_way;  // each is over in the next millisecond
  for (size_t i = 0; i < kBackends; ++i) {
    turns.emplace_back([&, i] {
      ++times[i];
      under_way.push_back(i);
    });
    field.schedule.plan(turns[i], Duration::zero());
  }
  for (int millisecond = 0; millisecond < 11'000; ++millisecond) {
    for (const size_t i : std::exchange(under_way, {})) {
      const bool first = !is_spread[i];
      is_spread[i] = true;
      field.schedule.plan(
          turns[i], first ? field.schedule.spread(Duration{1000}) : field.schedule.jittered(Duration{1000}));
    }
    field.pass(Duration{1});
    if (millisecond > 2000) {
      most = std::max(most, under_way.size());
      if (field.schedule.load().late > Duration::zero()) FAIL("was late");
    }
  }
  CHECK(most < 60);  // 10 in each millisecond on average.
  const auto [least_times, most_times] = std::ranges::minmax_element(times);
  CHECK(*least_times >= 10);
  CHECK(*most_times <= 13);
  field.schedule.close();
}

}  // namespace
}  // namespace sluice::upstream
