// When an attempt may be made again.
#include <sluice/http/head_decoder.h>
#include <sluice/proxy/retry.h>

#include <string>

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
  CHECK(may_retry({.idempotent = false, .non_idempotent_allowed = true}));
}

TEST_CASE("a body that cannot be sent again, and a wait that is over, end it") {
  CHECK_FALSE(may_retry({.idempotent = true, .body_replayable = false}));
  CHECK_FALSE(may_retry({.idempotent = true, .timed_out = true}));
}

http::RequestHead head(const std::string& method, const std::string& fields) {
  http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
  http::RequestHead head;
  REQUIRE(decoder.decode(method + " / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head).value().complete);
  return head;
}

TEST_CASE("a POST may go to a second backend when it has a key, and the pool goes by keys") {
  const config::Retry by_key{.idempotency_key = true};
  CHECK(may_replay(head("POST", "idempotency-KEY: 7\r\n"), by_key));
  CHECK_FALSE(may_replay(head("POST", "Idempotency-Key: 7\r\n"), {}));
  CHECK_FALSE(may_replay(head("POST", "Idempotency-Key:\r\n"), by_key));
  CHECK_FALSE(may_replay(head("POST", ""), by_key));
  CHECK(may_replay(head("POST", ""), {.non_idempotent = true}));
  CHECK(may_replay(head("PUT", ""), {}));
}

TEST_CASE("only a body that is known to be small surely fits") {
  using Kind = http::Framing::Kind;
  const config::Retry settings{.buffer_bytes = 10};
  CHECK(surely_fits({}, settings));
  CHECK(surely_fits({.kind = Kind::length, .length = 10}, settings));
  CHECK_FALSE(surely_fits({.kind = Kind::length, .length = 11}, settings));
  CHECK_FALSE(surely_fits({.kind = Kind::chunked}, settings));
}

}  // namespace
}  // namespace sluice::proxy
