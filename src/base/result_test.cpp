#include <sluice/base/result.h>

#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace sluice {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{.code = ErrorCode::malformed, .message = "odd"};
  return number / 2;
}

Result<void> only(bool fine) {
  if (!fine) return Error{.code = ErrorCode::denied, .message = "no"};
  return {};
}

TEST_CASE("a result is a value or an error") {
  CHECK(half(4));
  CHECK(*half(4) == 2);
  const auto odd = half(3);
  REQUIRE_FALSE(odd);
  CHECK(odd.error().code == ErrorCode::malformed);
  CHECK(odd.error().message == "odd");
}

TEST_CASE("a result of nothing is fine or an error") {
  CHECK(only(true));
  REQUIRE_FALSE(only(false));
  CHECK(only(false).error().code == ErrorCode::denied);
}

TEST_CASE("what only moves can be moved out of a result") {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  CHECK(**result == 7);
  const std::unique_ptr<int> value = *std::move(result);
  CHECK(*value == 7);
}

TEST_CASE("an error can be moved out of a result, and into one of another type") {
  auto odd = half(3);
  const Result<std::string> other = std::move(odd).error();
  REQUIRE_FALSE(other);
  CHECK(other.error().message == "odd");
}

}  // namespace
}  // namespace sluice
