#include <sluice/base/wait.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("a fired wait runs its callback once, and is empty from then on") {
  Pending<int> pending;
  int got = 0;
  const Wait wait = pending.wait([&](int value) { got += value; });
  CHECK(wait);
  CHECK(pending.is_waited_for());
  pending.fire(7);
  CHECK(got == 7);
  CHECK_FALSE(wait);
  CHECK_FALSE(pending.is_waited_for());
  pending.fire(7);
  CHECK(got == 7);
}

TEST_CASE("dropping or cancelling a wait means that its callback never runs") {
  int cancelled = 0;
  Pending<> pending([&] { ++cancelled; });
  {
    const Wait dropped = pending.wait([] { FAIL("dropped"); });
  }
  CHECK(cancelled == 1);
  Wait wait = pending.wait([] { FAIL("cancelled"); });
  wait.cancel();
  wait.cancel();
  CHECK(cancelled == 2);
  wait = pending.wait([] { FAIL("replaced"); });
  wait = Wait();
  CHECK(cancelled == 3);
  pending.fire();
}

TEST_CASE("a wait that has run cancels nothing") {
  int cancelled = 0;
  Pending<> pending([&] { ++cancelled; });
  {
    const Wait wait = pending.wait([] {});
    pending.fire();
  }
  CHECK(cancelled == 0);
}

TEST_CASE("a wait moves, and only the one that holds it cancels") {
  int fired = 0;
  Pending<> pending;
  Wait first = pending.wait([&] { ++fired; });
  Wait second = std::move(first);
  CHECK_FALSE(first);
  first.cancel();
  Wait third;
  third = std::move(second);
  auto& itself = third;
  third = std::move(itself);
  CHECK(third);
  pending.fire();
  CHECK(fired == 1);
  CHECK_FALSE(third);
}

TEST_CASE("assigning a wait cancels the one before") {
  Pending<> one;
  Pending<> two;
  bool fired = false;
  Wait wait = one.wait([] { FAIL("replaced"); });
  wait = two.wait([&] { fired = true; });
  one.fire();
  two.fire();
  CHECK(fired);
}

TEST_CASE("a pending that is destroyed first never runs the callback, and leaves the wait empty") {
  std::optional<Pending<>> pending(std::in_place);
  Wait wait = pending->wait([] { FAIL("destroyed"); });
  pending.reset();
  CHECK_FALSE(wait);
  wait.cancel();
}

TEST_CASE("a callback may destroy the waiter, the pending, or both") {
  struct Waiter {
    Wait wait;
    std::string something = "as long as it takes to live on the heap";
  };
  auto waiter = std::make_unique<Waiter>();
  auto pending = std::make_unique<Pending<>>();
  waiter->wait = pending->wait([&] { waiter.reset(); });
  pending->fire();
  CHECK_FALSE(waiter);

  waiter = std::make_unique<Waiter>();
  waiter->wait = pending->wait([&, captured = std::string("as long as it takes to live on the heap")] {
    pending.reset();
    waiter.reset();
    CHECK(captured.size() == 39);
  });
  pending->fire();
  CHECK_FALSE(waiter);
  CHECK_FALSE(pending);
}

TEST_CASE("a callback may wait again on the same pending") {
  Pending<> pending;
  int times = 0;
  Wait wait;
  const std::function<void()> again = [&] {
    if (++times < 3) wait = pending.wait(again);
  };
  wait = pending.wait(again);
  for (int i = 0; i < 5; ++i) pending.fire();
  CHECK(times == 3);
}

TEST_CASE("what only moves can be handed to a callback") {
  Pending<std::unique_ptr<int>> pending;
  std::unique_ptr<int> got;
  const Wait wait = pending.wait([&](std::unique_ptr<int> value) { got = std::move(value); });
  pending.fire(std::make_unique<int>(7));
  CHECK(*got == 7);
}

}  // namespace
}  // namespace sluice
