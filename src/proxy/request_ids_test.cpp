#include <sluice/proxy/request_ids.h>

#include <set>
#include <string>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

TEST_CASE("an id begins with the digits of its worker's start") {
  RequestIds::Text text;
  CHECK(RequestIds(0x0123456789abcdef).make(text).substr(0, 16) == "0123456789abcdef");
  CHECK(RequestIds(0xfedcba9876543210).make(text).substr(0, 16) == "fedcba9876543210");
  CHECK(RequestIds(0).make(text) == std::string(32, '0'));
}

TEST_CASE("ids are 32 lower case hexadecimal digits, and all of a worker differ") {
  RequestIds ids(7);
  RequestIds::Text text;
  std::set<std::string, std::less<>> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto id = ids.make(text);
    CHECK(id.size() == 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string_view::npos);
    CHECK(seen.emplace(id).second);
  }
}

}  // namespace
}  // namespace sluice::proxy
