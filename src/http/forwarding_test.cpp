// Heads for the other side.
#include <sluice/http/forwarding.h>

#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

std::string to_backend(const std::string& text, std::string_view target = "") {
  RequestHead head;
  REQUIRE(decode_request(text, head).error == "");
  std::string out;
  write_request_head(out, head, {.client_ip = "192.0.2.7", .target = target});
  return out;
}

std::string to_client(const std::string& text, ResponseForwarding forwarding) {
  ResponseHead head;
  REQUIRE(decode_response(text, head).error == "");
  std::string out;
  write_response_head(out, head, forwarding);
  return out;
}

const std::string kForwarded =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n";

TEST_CASE("a request goes on with its fields in order and spelling, and with who asks") {
  CHECK(to_backend("GET /x?y HTTP/1.1\r\nhOST: h\r\nB: 2\r\nA:1\r\nB: 3\r\n\r\n") ==
        "GET /x?y HTTP/1.1\r\nHost: h\r\nB: 2\r\nA:1\r\nB: 3\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("hop-by-hop fields and what Connection names stay here") {
  CHECK(to_backend("GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: "
                   "5\r\nTE: trailers\r\n"
                   "Upgrade: websocket\r\nProxy-Connection: x\r\nA: b\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("Connection can name neither the host nor the framing away") {
  CHECK(to_backend("POST / HTTP/1.1\r\nHost: h\r\nConnection: host, content-length, x-forwarded-for\r\n"
                   "Content-Length: 3\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: h\r\n" + kForwarded + "Via: 1.1 sluice\r\nContent-Length: 3\r\n\r\n");
}

TEST_CASE("nobody else's word is taken for who the client is") {
  CHECK(to_backend("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\n"
                   "X-Forwarded-Host: evil\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("framing is written anew") {
  CHECK(to_backend("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 007\r\n\r\n")
            .ends_with("Content-Length: 7\r\n\r\n"));
  CHECK(to_backend("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n")
            .ends_with("Transfer-Encoding: chunked\r\n\r\n"));
}

TEST_CASE("an HTTP/1.0 request goes on as HTTP/1.1, with a Host") {
  CHECK(to_backend("GET / HTTP/1.0\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: \r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nVia: 1.0 "
        "sluice\r\n\r\n");
}

TEST_CASE("an absolute-form target becomes a path, and its authority the Host") {
  CHECK(to_backend("GET http://h/x HTTP/1.1\r\nHost: other\r\n\r\n")
            .starts_with("GET /x HTTP/1.1\r\nHost: h\r\n"));
  CHECK(to_backend("GET /api/x HTTP/1.1\r\nHost: h\r\n\r\n", "/x").starts_with("GET /x HTTP/1.1\r\n"));
}

TEST_CASE("a response goes on with its fields, and with the framing towards the client") {
  const std::string text =
      "HTTP/1.0 200 Fine\r\nSet-Cookie: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nSet-Cookie: b\r\n\r\n";
  CHECK(to_client(text, {.framing = {.kind = Framing::Kind::chunked}}) ==
        "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nVia: 1.0 sluice\r\nTransfer-Encoding: "
        "chunked\r\n\r\n");
  CHECK(to_client(text, {.framing = {.kind = Framing::Kind::until_close}, .close = true})
            .ends_with("Via: 1.0 sluice\r\nConnection: close\r\n\r\n"));
  CHECK(to_client("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                  {.framing = {.kind = Framing::Kind::length, .length = 5}, .say_keep_alive = true}) ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 sluice\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("without a body the Content-Length still tells of the one there would have been") {
  ResponseHead head;
  REQUIRE(decode_response("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", head, true).error == "");
  std::string out;
  write_response_head(out, head, {});
  CHECK(out == "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nVia: 1.1 sluice\r\n\r\n");
}

TEST_CASE("what has no known end is chunked for HTTP/1.1 and until the close for HTTP/1.0") {
  using Kind = Framing::Kind;
  CHECK(framing_towards({1, 1}, {.kind = Kind::until_close}).kind == Kind::chunked);
  CHECK(framing_towards({1, 0}, {.kind = Kind::chunked}).kind == Kind::until_close);
  CHECK(framing_towards({1, 0}, {.kind = Kind::length, .length = 4}).length == 4);
}

TEST_CASE("an answer of our own is whole, and says what happened") {
  CHECK(own_response(503, "no backend is available", "Retry-After: 1\r\n", false, true, false) ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 49\r\nConnection: "
        "close\r\n"
        "Retry-After: 1\r\n\r\n503 Service Unavailable: no backend is available\n");
  CHECK(own_response(404, "x", "", true, false, false).ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace sluice::http
