#include "proxy/proxy_status.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

TEST_CASE("Proxy-Status names the error by its registered type, and says what it is") {
  CHECK(proxy_status({}, {.cause = Cause::queue_timeout}) ==
        "sluice; error=destination_unavailable; details=\"no backend became available in "
        "time\"");
  CHECK(proxy_status({}, {.cause = Cause::bad_request, .details = "no Host"}) ==
        "sluice; error=http_request_error; details=\"no Host\"");
}

TEST_CASE("backends are named only where that is allowed") {
  const Address backend = Address::parse("10.0.0.1:80").value();
  const StatusFacts facts{.cause = Cause::backend_incomplete, .next_hop = &backend, .received_status = 200};
  CHECK(proxy_status({}, facts) ==
        "sluice; error=http_response_incomplete; received-status=200; "
        "details=\"the backend's response broke off\"");
  CHECK(proxy_status({.next_hop = true}, facts) ==
        "sluice; error=http_response_incomplete; next-hop=\"10.0.0.1:80\"; "
        "received-status=200; details=\"the backend's response broke off\"");
}

TEST_CASE("a response that went well has no error, but may have something to say") {
  CHECK(proxy_status({}, {.details = "attempts=2"}) == "sluice; details=\"attempts=2\"");
}

TEST_CASE("no name and no text breaks the field's syntax") {
  CHECK(proxy_status({.name = "edge:1/a"}, {}) == "edge:1/a");
  CHECK(proxy_status({.name = "1st"}, {}) == "\"1st\"");
  CHECK(proxy_status({.name = "a \"b\" \\c"}, {}) == "\"a \\\"b\\\" \\\\c\"");
  CHECK(proxy_status({}, {.details = "a\r\nX: y\xff"}) == "sluice; details=\"a??X: y?\"");
}

}  // namespace
}  // namespace sluice::proxy
