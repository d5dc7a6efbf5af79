#include <sluice/base/alive.h>
#include <sluice/base/check.h>

#include <memory>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("every watch, nested too, sees whether its object still exists") {
  auto alive = std::make_unique<Alive>();
  const Alive::Watch outer(*alive);
  {
    const Alive::Watch inner(*alive);
    CHECK(inner);
  }
  CHECK(outer);
  const Alive::Watch inner(*alive);
  alive.reset();
  CHECK_FALSE(inner);
  CHECK_FALSE(outer);
}

}  // namespace
}  // namespace sluice
