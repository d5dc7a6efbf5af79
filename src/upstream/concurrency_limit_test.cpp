// A bound over all workers, and the workers that wait.
#include <sluice/upstream/concurrency_limit.h>

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

TEST_CASE("no more than the bound are ever inside, however many threads try") {
  constexpr uint32_t kMost = 3;
  ConcurrencyLimit room;
  std::atomic<uint32_t> inside{0};
  std::atomic<uint32_t> worst{0};
  std::atomic<uint32_t> entered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20'000; ++turn) {
        if (!room.enter(kMost)) continue;
        const uint32_t now = ++inside;
        uint32_t most = worst;
        while (now > most && !worst.compare_exchange_weak(most, now)) {
        }
        ++entered;
        --inside;
        room.leave();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(worst <= kMost);
  CHECK(entered > 0);
  CHECK(room.inside() == 0);
}

TEST_CASE("a lower bound lets no request in until enough have left") {
  ConcurrencyLimit room;
  for (int i = 0; i < 3; ++i) CHECK(room.enter(3));
  CHECK_FALSE(room.enter(2));
  room.leave();
  CHECK_FALSE(room.enter(2));
  room.leave();
  CHECK(room.enter(2));
}

TEST_CASE("workers that wait are woken in turn") {
  ConcurrencyLimit room;
  CHECK_FALSE(room.next_waiting());
  room.set_waiting(1, true);
  room.set_waiting(3, true);
  CHECK(room.next_waiting() == 1);
  CHECK(room.next_waiting() == 3);
  CHECK(room.next_waiting() == 1);
  room.set_waiting(3, false);
  CHECK(room.next_waiting() == 1);
}

TEST_CASE("among many workers, too, and none is left out") {
  ConcurrencyLimit room;
  for (const unsigned worker : {0U, 63U, 64U, 130U, 255U}) room.set_waiting(worker, true);
  std::vector<unsigned> told;
  for (int i = 0; i < 6; ++i) told.push_back(*room.next_waiting());
  CHECK(told == std::vector<unsigned>{63, 64, 130, 255, 0, 63});
  CHECK(room.has_waiters_elsewhere(0));
  for (const unsigned worker : {0U, 63U, 64U, 130U}) room.set_waiting(worker, false);
  CHECK_FALSE(room.has_waiters_elsewhere(255));
  CHECK(room.next_waiting() == 255);
}

}  // namespace
}  // namespace sluice::upstream
