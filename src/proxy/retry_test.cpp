// When an attempt may be made again.
#include <sluice/proxy/retry.h>

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

TEST_CASE("a request of which nothing was sent goes elsewhere, whatever its method") {
  CHECK(may_retry({.nothing_sent = true, .idempotent = false, .attempts = 9}));
}

TEST_CASE("an idempotent request is tried again as often as allowed") {
  CHECK(may_retry({.idempotent = true, .attempts = 2}));
  CHECK_FALSE(may_retry({.idempotent = true, .attempts = 3}));
  CHECK_FALSE(may_retry({.idempotent = true, .attempts = 1, .attempts_allowed = 1}));
}

TEST_CASE("a request that is not idempotent is never sent twice unless the pool says so") {
  CHECK_FALSE(may_retry({.idempotent = false}));
  CHECK_FALSE(may_retry({.stale_connection = true, .idempotent = false}));
  CHECK(may_retry({.idempotent = false, .non_idempotent_allowed = true}));
}

TEST_CASE("a stale connection is not the backend's fault and counts as no attempt") {
  CHECK(may_retry({.stale_connection = true, .idempotent = true, .attempts = 3}));
}

TEST_CASE("a body that cannot be sent again, and a wait that is over, end it") {
  CHECK_FALSE(may_retry({.idempotent = true, .body_replayable = false}));
  CHECK_FALSE(may_retry({.idempotent = true, .timed_out = true}));
}

}  // namespace
}  // namespace sluice::proxy
