#include <sluice/base/free_list.h>

#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace sluice {
namespace {

struct Buffer : FreeListed<Buffer> {
  static inline int alive = 0;
  Buffer() { ++alive; }
  ~Buffer() { --alive; }
  void clear() { bytes.clear(); }
  std::string bytes;
};

TEST_CASE("what was given back is taken again, cleared, with its capacity") {
  FreeList<Buffer> list;
  auto item = list.take();
  Buffer* const first = item.get();
  item->bytes = std::string(1000, 'x');
  item.reset();
  item = list.take();
  CHECK(item.get() == first);
  CHECK(item->bytes.empty());
  CHECK(item->bytes.capacity() >= 1000);
  const auto other = list.take();
  CHECK(other.get() != first);
}

TEST_CASE("no more than the bound is kept, and nothing outlives the list") {
  {
    FreeList<Buffer> list(2);
    {
      std::vector<FreeList<Buffer>::Item> items;
      for (int i = 0; i < 5; ++i) items.push_back(list.take());
      CHECK(Buffer::alive == 5);
    }
    CHECK(Buffer::alive == 2);
  }
  CHECK(Buffer::alive == 0);
}

TEST_CASE("an item that moves is given back once") {
  FreeList<Buffer> list;
  auto item = list.take();
  auto moved = std::move(item);
  item.reset();
  moved.reset();
  const auto one = list.take();
  const auto two = list.take();
  CHECK(one.get() != two.get());
}

}  // namespace
}  // namespace sluice
