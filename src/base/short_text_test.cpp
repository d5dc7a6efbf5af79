#include <sluice/base/short_text.h>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("a short text keeps what fits") {
  ShortText<5> text;
  CHECK(text.view().empty());
  text = "abc";
  CHECK(text.view() == "abc");
  text.append("defg");
  CHECK(text.view() == "abcde");
  const ShortText<5> copy = text;
  text = "";
  CHECK(copy.view() == "abcde");
  CHECK(text.view().empty());
}

}  // namespace
}  // namespace sluice
