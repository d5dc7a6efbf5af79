// What is reported when a backend's state changes.
#include <sluice/upstream/transition.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

using TransitionKind = Transition::Kind;

Transition of(HealthState from, HealthState to, std::string cause) {
  return {.pool = "shop",
          .backend = *Address::parse("192.0.2.1:80"),
          .from = from,
          .to = to,
          .cause = std::move(cause)};
}

TEST_CASE("a change of the state is reported with what it was and why") {
  Transition down = of(HealthState::healthy, HealthState::down, "timed out after 500ms");
  down.failures = 3;
  CHECK(log_line(down) ==
        "backend down pool=shop backend=192.0.2.1:80 was=healthy cause=\"timed out after 500ms\" failures=3");
  CHECK(level(down) == LogLevel::warning);

  Transition ejected = of(HealthState::healthy, HealthState::ejected, "5 failures in a row");
  ejected.bound = std::chrono::seconds(20);
  ejected.ejections = 2;
  CHECK(log_line(ejected) ==
        "backend ejected pool=shop backend=192.0.2.1:80 was=healthy cause=\"5 failures in a row\" for=20s "
        "ejections=2");
  CHECK(level(ejected) == LogLevel::warning);

  const Transition back = of(HealthState::down, HealthState::healthy, "");
  CHECK(log_line(back) == "backend healthy pool=shop backend=192.0.2.1:80 was=down");
  CHECK(level(back) == LogLevel::info);
  CHECK(level(of(HealthState::healthy, HealthState::draining, "status 503")) == LogLevel::info);
}

TEST_CASE("so is flapping, and an ejection that is not made") {
  Transition flaps{.kind = TransitionKind::flaps,
                   .pool = "shop",
                   .backend = *Address::parse("192.0.2.1:80"),
                   .cause = "5 falls within a minute"};
  CHECK(log_line(flaps) ==
        "backend flapping pool=shop backend=192.0.2.1:80 cause=\"5 falls within a minute\"");
  CHECK(level(flaps) == LogLevel::warning);
  flaps.kind = TransitionKind::flaps_no_more;
  CHECK(name(flaps) == "flapping no more");
  CHECK(level(flaps) == LogLevel::info);
  flaps.kind = TransitionKind::not_ejected;
  CHECK(level(flaps) == LogLevel::warning);
}

}  // namespace
}  // namespace sluice::upstream
