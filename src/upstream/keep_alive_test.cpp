// What is learned of a backend's own time for idle connections.
#include <sluice/upstream/keep_alive.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using std::chrono::milliseconds;

constexpr Duration kUnproven = milliseconds(100);

TEST_CASE("an idle time is trusted up to three quarters of the longest that a connection lasted") {
  KeepAlive backend;
  CHECK(backend.trusted(kUnproven) == kUnproven);
  backend.lasted(milliseconds(1000));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
  backend.lasted(milliseconds(500));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
  backend.lasted(milliseconds(4000));
  CHECK(backend.trusted(kUnproven) == milliseconds(3000));
}

TEST_CASE("a connection that the backend closed says how long it does not keep them") {
  KeepAlive backend;
  backend.lasted(milliseconds(4000));
  backend.closed(milliseconds(1000));
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
}

TEST_CASE("what a restart closed early is forgotten when others last") {
  KeepAlive backend;
  backend.lasted(milliseconds(4000));
  backend.closed(milliseconds(3));
  CHECK(backend.trusted(kUnproven) == kUnproven);
  backend.lasted(milliseconds(2000));
  CHECK(backend.trusted(kUnproven) == milliseconds(1500));
}

TEST_CASE("a Keep-Alive field is believed, and what is seen believed more") {
  KeepAlive backend;
  backend.said("timeout=5, max=100");
  CHECK(backend.trusted(kUnproven) == milliseconds(3750));
  backend.lasted(milliseconds(60'000));  // Perhaps it was late.
  CHECK(backend.trusted(kUnproven) == milliseconds(3750));
  backend.closed(milliseconds(2000));
  backend.said("timeout=5");
  CHECK(backend.trusted(kUnproven) == milliseconds(1500));
  backend.said("max=3, Timeout=1");
  CHECK(backend.trusted(kUnproven) == milliseconds(750));
}

TEST_CASE("a Keep-Alive field that says nothing changes nothing") {
  KeepAlive backend;
  for (const auto* value : {"", ",", "timeout", "timeout=", "timeout=-1", "max=5", "timeout=x, max=1"}) {
    backend.said(value);
    CHECK(backend.trusted(kUnproven) == kUnproven);
  }
}

}  // namespace
}  // namespace sluice::upstream
