// What is for later, and whose turn it is.
#include <sluice/base/later.h>

#include <functional>
#include <memory>
#include <string>

#include "base/held_executor.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

struct Entry {
  Entry(std::string& the_order, char the_name) : order(the_order), name(the_name) {}
  std::string& order;
  char name;
  std::function<void()> then = [] {};
  Later later{this, [](void* self) {
                auto& entry = *static_cast<Entry*>(self);
                entry.order += entry.name;
                entry.then();
              }};
};

TEST_CASE("what waits runs once, in order; what is added meanwhile runs in the next turn") {
  LaterQueue queue;
  std::string order;
  Entry a(order, 'a');
  Entry b(order, 'b');
  a.then = [&] {
    if (order.size() == 1) queue.add(a.later);
  };
  for (Entry* entry : {&a, &b, &a}) queue.add(entry->later);
  queue.run();
  CHECK(order == "ab");
  CHECK_FALSE(queue.empty());
  queue.run();
  CHECK(order == "aba");
  CHECK(queue.empty());
}

TEST_CASE("what is cancelled or destroyed does not run, in the turn that it was to run in either") {
  LaterQueue queue;
  std::string order;
  Entry a(order, 'a');
  Entry b(order, 'b');
  auto c = std::make_unique<Entry>(order, 'c');
  for (Entry* entry : {&a, &b, c.get()}) queue.add(entry->later);
  b.later.cancel();
  a.then = [&] { c.reset(); };
  queue.run();
  CHECK(order == "a");
}

TEST_CASE("a held executor runs what is due, posted and put off, as its time passes") {
  HeldExecutor executor;
  std::string order;
  Deadline deadline([&] { order += "due "; });
  Entry later(order, 'l');
  executor.deadlines().arm(deadline, Duration{3});
  executor.post([&] {
    order += "posted ";
    executor.post([&] { order += "again "; });
  });
  executor.run_later(later.later);
  CHECK(order.empty());
  const TimePoint before = executor.clock().now();
  executor.pass(Duration{3});
  CHECK(executor.clock().now() - before == Duration{3});
  CHECK(order == "posted lagain due ");
}

}  // namespace
}  // namespace sluice
