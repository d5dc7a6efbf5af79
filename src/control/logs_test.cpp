#include "control/logs.h"

#include <doctest/doctest.h>

namespace sluice::control {
namespace {

TEST_CASE("losses are reported at once, then once a minute while they go on, and each line once") {
  using std::chrono::seconds;
  LossReport report;
  TimePoint now{seconds{1000}};
  CHECK(report.due(0, now) == 0);
  CHECK(report.due(5, now) == 5);
  CHECK(report.due(5, now + seconds{70}) == 0);
  CHECK(report.due(8, now + seconds{59}) == 0);
  CHECK(report.due(9, now + seconds{60}) == 4);
  CHECK(report.due(10, now + seconds{61}) == 0);
  CHECK(report.due(10, now + seconds{120}) == 1);
}

}  // namespace
}  // namespace sluice::control
