#include "proxy/proxy_status.h"

#include <doctest/doctest.h>

namespace sluice::proxy {
namespace {

using observe::Cause;

TEST_CASE("Proxy-Status names the error by its registered type, and says what it is") {
  CHECK(proxy_status_line({}, {.cause = Cause::queue_timeout}) ==
        "Proxy-Status: sluice; error=destination_unavailable; details=\"no backend became available in "
        "time\"\r\n");
  CHECK(proxy_status_line({}, {.cause = Cause::bad_request, .details = "no Host"}) ==
        "Proxy-Status: sluice; error=http_request_error; details=\"no Host\"\r\n");
}

TEST_CASE("backends are named only where that is allowed") {
  const Address backend = Address::parse("10.0.0.1:80").value();
  const StatusFacts facts{.cause = Cause::backend_incomplete, .next_hop = &backend, .received_status = 200};
  CHECK(proxy_status_line({}, facts) ==
        "Proxy-Status: sluice; error=http_response_incomplete; received-status=200; "
        "details=\"the backend's response broke off\"\r\n");
  CHECK(proxy_status_line({.next_hop = true}, facts) ==
        "Proxy-Status: sluice; error=http_response_incomplete; next-hop=\"10.0.0.1:80\"; "
        "received-status=200; details=\"the backend's response broke off\"\r\n");
}

TEST_CASE("a response that went well has no error, but may have something to say") {
  CHECK(proxy_status_line({}, {.details = "attempts=2"}) ==
        "Proxy-Status: sluice; details=\"attempts=2\"\r\n");
}

TEST_CASE("no name and no text breaks the line's syntax") {
  CHECK(proxy_status_line({.name = "edge:1/a"}, {}) == "Proxy-Status: edge:1/a\r\n");
  CHECK(proxy_status_line({.name = "1st"}, {}) == "Proxy-Status: \"1st\"\r\n");
  CHECK(proxy_status_line({.name = "a \"b\" \\c"}, {}) == "Proxy-Status: \"a \\\"b\\\" \\\\c\"\r\n");
  CHECK(proxy_status_line({}, {.details = "a\r\nX: y\xff"}) ==
        "Proxy-Status: sluice; details=\"a??X: y?\"\r\n");
}

}  // namespace
}  // namespace sluice::proxy
