// A loop: turns, time, deadlines, and what other threads post.
#include <sluice/base/later.h>
#include <sluice/net/loop.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::net {
namespace {

using test::kLong;
using test::kShort;

TEST_CASE("a loop runs until it is stopped, with nothing else alive, and may be run again") {
  Loop loop;
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      ++runs;
      loop.stop();
    });
    loop.run();
    CHECK(runs == i + 1);
  }
}

TEST_CASE("run_until gives up at its bound and says so") {
  Loop loop;
  const auto before = loop.clock().now();
  CHECK_FALSE(loop.run_until([] { return false; }, kShort));
  CHECK(loop.clock().now() - before >= kShort);
  CHECK(loop.run_until([] { return true; }, kShort));
}

TEST_CASE("posted tasks run in order, and those posted while tasks run wait for a later turn") {
  Loop loop;
  std::string order;
  loop.post([&] {
    order += "a";
    loop.post([&] { order += "c"; });
  });
  loop.post([&] { order += "b"; });
  CHECK(order.empty());
  CHECK(loop.run_until([&] { return order.size() == 3; }, kLong));
  CHECK(order == "abc");
}

TEST_CASE("tasks of many threads all run, each thread's in its order") {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  Loop loop;
  std::vector<int> next(kThreads, 0);
  int run = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        loop.post([&, t, i] {
          in_order = in_order && next[static_cast<size_t>(t)]++ == i;
          ++run;
        });
      }
    });
  }
  CHECK(loop.run_until([&] { return run == kThreads * kTasks; }, kLong));
  for (auto& thread : threads) thread.join();
  CHECK(in_order);
}

TEST_CASE("a loop on another thread can be stopped from outside") {
  Loop loop;
  int turns = 0;
  std::thread thread([&] { loop.run(); });
  for (int i = 0; i < 100; ++i) loop.post([&] { ++turns; });
  loop.post([&] { loop.stop(); });
  thread.join();
  CHECK(turns == 100);
}

TEST_CASE("tasks that were not run are dropped with the loop, with what they own") {
  test::Pair pair(test::Kind::tcp);
  auto owned = std::make_shared<int>(1);
  {
    Loop loop;
    std::shared_ptr<Transport> transport;
    const auto acceptor =
        loop.accept(pair.listening, [&](std::unique_ptr<Transport> t) { transport = std::move(t); });
    const auto client = test::RawSocket::connect(pair.listening.address());
    REQUIRE(loop.run_until([&] { return transport != nullptr; }, kLong));
    loop.post([owned, transport = std::move(transport)] {});
    CHECK(owned.use_count() == 2);
  }
  CHECK(owned.use_count() == 1);
}

TEST_CASE("a dropped task may post again while it is destroyed") {
  struct PostsAtEnd {
    explicit PostsAtEnd(Loop& the_loop) : loop(the_loop) {}
    ~PostsAtEnd() {
      loop.post([] {});
    }
    Loop& loop;
  };
  Loop loop;
  loop.post([last = std::make_shared<PostsAtEnd>(loop)] {});
}

TEST_CASE("deadlines run on the loop, the shortest first and never early") {
  Loop loop;
  std::string order;
  const auto start = loop.clock().now();
  TimePoint fired;
  Deadline slow([&] {
    order += "slow";
    fired = loop.clock().now();
  });
  Deadline quick([&] { order += "quick "; });
  Deadline dropped([&] { order += "dropped "; });
  loop.deadlines().arm(slow, Duration{60});
  loop.deadlines().arm(dropped, Duration{20});
  loop.deadlines().arm(quick, Duration{10});
  dropped.disarm();
  CHECK(loop.run_until([&] { return !slow.is_armed(); }, kLong));
  CHECK(order == "quick slow");
  CHECK(fired - start >= Duration{60});
}

TEST_CASE("a deadline armed again in its own callback goes on") {
  Loop loop;
  int times = 0;
  Deadline deadline;
  deadline.set_callback([&] {
    if (++times < 5) loop.deadlines().arm(deadline, Duration{2});
  });
  loop.deadlines().arm(deadline, Duration{2});
  CHECK(loop.run_until([&] { return times == 5; }, kLong));
}

TEST_CASE("a deadline that is armed when the loop goes is harmless") {
  Deadline deadline([] { FAIL("must not run"); });
  Loop loop;
  loop.deadlines().arm(deadline, Duration{1000});
}

TEST_CASE("time moves between runs of a loop, and stands still within a turn") {
  Loop loop;
  const auto start = loop.clock().now();
  while (loop.clock().now() - start < Duration{5}) {
  }
  bool same = false;
  loop.post([&] {
    const auto first = loop.clock().now();
    const auto until = std::chrono::steady_clock::now() + Duration{5};
    while (std::chrono::steady_clock::now() < until) {
    }
    same = loop.clock().now() == first;
    loop.stop();
  });
  loop.run();
  CHECK(same);
}

TEST_CASE("what is for later runs in order, in a later turn, and not when it was cancelled") {
  Loop loop;
  struct Item {
    Item(std::string& the_order, char the_name) : order(the_order), name(the_name) {}
    std::string& order;
    char name;
    std::function<void()> then = [] {};
    Later later{this, [](void* self) {
                  auto& item = *static_cast<Item*>(self);
                  item.order += item.name;
                  item.then();
                }};
  };
  std::string order;
  Item a(order, 'a');
  auto b = std::make_unique<Item>(order, 'b');
  auto c = std::make_unique<Item>(order, 'c');
  Item d(order, 'd');
  a.then = [&] {
    b.reset();  // Is due in the same turn.
    if (order.size() == 1) loop.run_later(a.later);
  };
  for (Item* item : {&a, b.get(), c.get(), &d}) loop.run_later(item->later);
  loop.run_later(a.later);
  c->later.cancel();
  CHECK(order.empty());
  CHECK(loop.run_until([&] { return order.size() == 3; }, kLong));
  CHECK(order == "ada");
}

TEST_CASE("what puts itself off again and again does not keep others from their turn") {
  Loop loop;
  struct Again {
    Loop& loop;
    int runs = 0;
    Later later{this, [](void* self) {
                  auto& again = *static_cast<Again*>(self);
                  ++again.runs;
                  again.loop.run_later(again.later);
                }};
  };
  Again again{.loop = loop};
  loop.run_later(again.later);
  bool posted = false;
  loop.post([&] { posted = true; });
  CHECK(loop.run_until([&] { return posted && again.runs > 10; }, kLong));
  again.later.cancel();
}

}  // namespace
}  // namespace sluice::net
