// What a buffer keeps from one use to the next.
#include <sluice/base/memory.h>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("a buffer that is emptied keeps the room of usual uses, and gives back that of a giant") {
  std::string buffer(1000, 'x');
  clear_keeping(buffer, 1024);
  CHECK(buffer.empty());
  CHECK(buffer.capacity() >= 1000);
  buffer.assign(size_t{16} * 1024 * 1024, 'x');
  clear_keeping(buffer, 1024);
  CHECK(buffer.empty());
  CHECK(buffer.capacity() <= 1024);
}

}  // namespace
}  // namespace sluice
