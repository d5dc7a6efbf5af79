#include <sluice/base/list.h>

#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace sluice {
namespace {

struct Item {
  explicit Item(char the_name) : name(the_name) {}
  char name;
  ListHook hook;
};
using Items = List<Item, &Item::hook>;

std::string names(const Items& items) {
  std::string text;
  for (Item* item = items.front(); item != nullptr; item = items.next(*item)) text += item->name;
  return text;
}

TEST_CASE("a list keeps its order from both ends") {
  Items items;
  Item a('a');
  Item b('b');
  Item c('c');
  CHECK(items.empty());
  CHECK(items.front() == nullptr);
  CHECK(items.back() == nullptr);
  CHECK(items.pop_front() == nullptr);
  items.push_back(b);
  items.push_back(c);
  items.push_front(a);
  CHECK(names(items) == "abc");
  CHECK(items.front() == &a);
  CHECK(items.back() == &c);
  CHECK(items.pop_front() == &a);
  CHECK_FALSE(a.hook.is_linked());
  CHECK(names(items) == "bc");
}

TEST_CASE("an element leaves by itself, when it is unlinked or destroyed") {
  Items items;
  Item a('a');
  auto b = std::make_unique<Item>('b');
  Item c('c');
  for (Item* item : {&a, b.get(), &c}) items.push_back(*item);
  b.reset();
  CHECK(names(items) == "ac");
  c.hook.unlink();
  c.hook.unlink();
  CHECK(names(items) == "a");
  items.push_front(c);
  CHECK(names(items) == "ca");
}

TEST_CASE("a list that goes lets its elements go, and they may join another") {
  Item a('a');
  {
    Items items;
    items.push_back(a);
  }
  CHECK_FALSE(a.hook.is_linked());
  Items others;
  others.push_back(a);
  CHECK(names(others) == "a");
  others.clear();
  CHECK(others.empty());
}

}  // namespace
}  // namespace sluice
