#include <sluice/base/gate.h>

#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("a gate counts those inside, and passes move") {
  Gate gate;
  auto first = gate.enter();
  REQUIRE(first);
  auto second = gate.enter();
  CHECK(gate.inside() == 2);
  Gate::Pass moved = *std::move(second);
  second.reset();
  CHECK(gate.inside() == 2);
  moved = *std::move(first);  // Leaves with what it held before.
  first.reset();
  CHECK(gate.inside() == 1);
}

TEST_CASE("a pass that is moved to itself stays inside") {
  Gate gate;
  auto pass = gate.enter();
  auto& itself = *pass;
  *pass = std::move(itself);
  CHECK(gate.inside() == 1);
}

TEST_CASE("a closed gate lets nothing in, and says once when the last one has left") {
  Gate gate;
  auto first = gate.enter();
  auto second = gate.enter();
  int empty = 0;
  gate.close([&] { ++empty; });
  CHECK(gate.is_closed());
  CHECK_FALSE(gate.enter());
  first.reset();
  CHECK(empty == 0);
  second.reset();
  CHECK(empty == 1);
  CHECK_FALSE(gate.enter());
}

TEST_CASE("an empty gate says so at once when it is closed") {
  Gate gate;
  bool empty = false;
  gate.close([&] { empty = true; });
  CHECK(empty);
}

TEST_CASE("opening a gate forgets what was to happen once it is empty") {
  Gate gate;
  auto pass = gate.enter();
  bool empty = false;
  gate.close([&] { empty = true; });
  gate.open();
  pass.reset();
  CHECK_FALSE(empty);
  CHECK(gate.enter());
}

TEST_CASE("on_empty may destroy the gate's owner, whichever pass makes it empty") {
  struct Owner {
    Gate gate;
    std::string something = "as long as it takes to live on the heap";
  };
  auto owner = std::make_unique<Owner>();
  auto pass = owner->gate.enter();
  owner->gate.close([&] { owner.reset(); });
  CHECK(owner);
  pass.reset();
  CHECK_FALSE(owner);

  owner = std::make_unique<Owner>();
  owner->gate.close([&] { owner.reset(); });
  CHECK_FALSE(owner);
}

TEST_CASE("those who are let go one by one in any order leave nothing behind") {
  Gate gate;
  std::vector<Gate::Pass> passes;
  for (int i = 0; i < 10; ++i) passes.push_back(*gate.enter());
  bool empty = false;
  gate.close([&] { empty = true; });
  passes.erase(passes.begin() + 3);
  passes.erase(passes.begin());
  CHECK(gate.inside() == 8);
  passes.clear();
  CHECK(empty);
}

}  // namespace
}  // namespace sluice
