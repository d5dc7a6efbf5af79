// Lists in columns.
#include "admin/columns.h"

#include <doctest/doctest.h>

namespace sluice::admin {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("each field stands below its name, and what a line has not is a dash") {
  const Lines lines = {"shop 127.0.0.1:1 healthy weight=1 in_flight=0",
                       "longer-name 127.0.0.1:333 down weight=100 in_flight=7 cause=\"connection refused\""};
  CHECK(in_columns(lines, {"pool", "address", "state"}) ==
        Lines{"POOL         ADDRESS        STATE    WEIGHT  IN_FLIGHT  CAUSE",
              "shop         127.0.0.1:1    healthy  1       0          -",
              "longer-name  127.0.0.1:333  down     100     7          \"connection refused\""});
}

TEST_CASE("words between fields come last, and quotes keep spaces and signs together") {
  CHECK(in_columns({"a x=1 paused for=2s", "b x=\"1 = \\\" 2\""}, {"pool"}) ==
        Lines{"POOL  X           FOR", "a     1           2s   paused", "b     \"1 = \\\" 2\"  -"});
}

TEST_CASE("what has no fields, or is nothing at all, stays as it is") {
  CHECK(in_columns({}, {"pool"}).empty());
  CHECK(in_columns({"no fields here"}, {"pool"}) == Lines{"no fields here"});
}

}  // namespace
}  // namespace sluice::admin
