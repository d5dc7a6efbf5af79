// The health state machine.
#include <sluice/upstream/health.h>

#include <doctest/doctest.h>

namespace sluice::upstream {
namespace {

/// Feeds p (passed), d (draining) and f (failed); returns the states after each: s, h, d, x (down).
std::string states(Health& health, std::string_view probes) {
  std::string after;
  for (const char probe : probes) {
    using Kind = ProbeResult::Kind;
    const Kind kind = probe == 'p' ? Kind::passed : probe == 'd' ? Kind::draining : Kind::failed;
    health.record({.kind = kind, .cause = ""});
    after += "shdx"[static_cast<size_t>(health.state())];
  }
  return after;
}

TEST_CASE("a new backend is starting until it has passed rise times in a row") {
  Health one(1, 3);
  CHECK(one.state() == HealthState::starting);
  CHECK(states(one, "p") == "h");
  Health three(3, 3);
  CHECK(states(three, "ppfppp") == "sssssh");
}

TEST_CASE("a healthy backend is down after fall failures in a row, and back after rise passes") {
  Health health(2, 3);
  CHECK(states(health, "ppffpfff") == "shhhhhhx");
  CHECK(states(health, "pfpp") == "xxxh");
}

TEST_CASE("one 503 means draining at once, whatever the thresholds say") {
  Health health(3, 5);
  CHECK(states(health, "pppd") == "sshd");
  CHECK(states(health, "ppp") == "ddh");
}

TEST_CASE("a draining backend that goes away is down after fall failures") {
  Health health(1, 2);
  CHECK(states(health, "pdff") == "hddx");
}

TEST_CASE("a starting backend that never answers is down after fall failures") {
  Health health(1, 3);
  CHECK(states(health, "fff") == "ssx");
  CHECK(states(health, "p") == "h");
}

TEST_CASE("why it is not healthy is known until it is, also while probes pass again") {
  Health health(2, 1);
  health.record({.kind = ProbeResult::Kind::failed, .cause = "refused"});
  CHECK_FALSE(health.record({.kind = ProbeResult::Kind::passed, .cause = ""}));
  CHECK(health.cause() == "refused");
  CHECK(health.record({.kind = ProbeResult::Kind::passed, .cause = ""}));
  CHECK(health.cause() == "");
}

TEST_CASE("record tells when the state has changed") {
  Health health(1, 1);
  CHECK(health.record({.kind = ProbeResult::Kind::passed, .cause = ""}));
  CHECK_FALSE(health.record({.kind = ProbeResult::Kind::passed, .cause = ""}));
  CHECK(health.record({.kind = ProbeResult::Kind::failed, .cause = "refused"}));
  CHECK(health.cause() == "refused");
}

}  // namespace
}  // namespace sluice::upstream
