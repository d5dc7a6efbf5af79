// Heads for the other side.
#include <sluice/http/body_decoder.h>
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
                   "5\r\nTE: gzip\r\n"
                   "Upgrade: websocket\r\nProxy-Connection: x\r\nA: b\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("Connection can name neither the host nor the framing away") {
  CHECK(to_backend("POST / HTTP/1.1\r\nHost: h\r\nConnection: host, content-length, x-forwarded-for\r\n"
                   "Content-Length: 3\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: h\r\n" + kForwarded + "Via: 1.1 sluice\r\nContent-Length: 3\r\n\r\n");
}

TEST_CASE("what an untrusted client says of the client's address is dropped") {
  CHECK(to_backend("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\n"
                   "X-Forwarded-Host: evil\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("a client of a Unix socket has no address to tell of; a trusted one's list goes on as it is") {
  RequestHead head;
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string proto = "X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nVia: 1.1 sluice\r\n\r\n";
  const std::string listed = line + "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n";
  REQUIRE(decode_request(listed + "\r\n", head).error == "");
  for (const bool is_trusted : {false, true}) {
    std::string out;
    write_request_head(out, head, {.client_ip = "unix", .client_is_trusted = is_trusted});
    CHECK(out == (is_trusted ? listed : line) + proto);
  }
  RequestHead plain;
  REQUIRE(decode_request(line + "\r\n", plain).error == "");
  std::string out;
  write_request_head(out, plain, {.client_ip = "unix", .client_is_trusted = true});
  CHECK(out == line + proto);
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

TEST_CASE("OPTIONS of a whole server stays that in absolute-form") {
  CHECK(to_backend("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n")
            .starts_with("OPTIONS * HTTP/1.1\r\nHost: h\r\n"));
  CHECK(to_backend("OPTIONS http://h/ HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("OPTIONS / HTTP/1.1\r\n"));
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

TEST_CASE("without a body the Content-Length is that of the body there would have been, written anew") {
  for (const char* length : {"Content-Length: 99", "Content-Length:\t99 \t", "content-length: 99\t"}) {
    for (const char* status : {"200 OK", "304 Not Modified"}) {
      ResponseHead head;
      const std::string start = std::string("HTTP/1.1 ") + status + "\r\n";
      REQUIRE(decode_response(start + length + "\r\nA: b\r\n\r\n", head, true).error == "");
      std::string out;
      write_response_head(out, head, {});
      CHECK(out == start + "A: b\r\nVia: 1.1 sluice\r\nContent-Length: 99\r\n\r\n");
    }
  }
}

TEST_CASE("what has no known end is chunked for HTTP/1.1 and until the close for HTTP/1.0") {
  using Kind = Framing::Kind;
  CHECK(framing_towards(Protocol::http1_1, {.kind = Kind::until_close}).kind == Kind::chunked);
  CHECK(framing_towards(Protocol::http1_0, {.kind = Kind::chunked}).kind == Kind::until_close);
  CHECK(framing_towards(Protocol::http1_1, {.kind = Kind::stream_end}).kind == Kind::chunked);
  CHECK(framing_towards(Protocol::http2, {.kind = Kind::until_close}).kind == Kind::stream_end);
  CHECK(framing_towards(Protocol::http1_0, {.kind = Kind::length, .length = 4}).length == 4);
}

std::string forwarded(const std::string& fields, RequestForwarding forwarding,
                      const std::string& line = "GET / HTTP/1.1") {
  RequestHead head;
  REQUIRE(decode_request(line + "\r\nHost: h\r\n" + fields + "\r\n", head).error == "");
  std::string out;
  forwarding.client_ip = "192.0.2.7";
  write_request_head(out, head, forwarding);
  return out.substr(out.find("Host: h\r\n") + 9);
}

TEST_CASE("a trusted client's word on who asks goes on, and we add ours") {
  const std::string theirs =
      "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n"
      "X-Forwarded-Port: 443\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=6.6.6.6\r\n"
      "X-Request-Id: abc\r\n";
  CHECK(forwarded(theirs, {.client_is_trusted = true, .port = 8080, .request_id = "abc"}) ==
        "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6, 10.0.0.1, 192.0.2.7\r\n"
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\nX-Forwarded-Port: 443\r\nX-Request-Id: "
        "abc\r\nVia: 1.1 sluice\r\n\r\n");
  CHECK(forwarded(theirs, {.port = 8080, .request_id = "def"}) ==
        kForwarded + "X-Forwarded-Port: 8080\r\nX-Request-Id: def\r\nVia: 1.1 sluice\r\n\r\n");
  CHECK(forwarded(theirs, {.client_is_trusted = true, .say_forwarded = true})
            .find("Forwarded: for=6.6.6.6, for=192.0.2.7;host=h;proto=http\r\n") != std::string::npos);
  CHECK(forwarded(theirs, {.say_forwarded = true}).find("6.6.6.6") == std::string::npos);
}

TEST_CASE("edits take fields away and add others, and cannot touch what is ours") {
  const FieldEdits edits{.removed = {"cookie", "x-a", "via", "x-forwarded-for"}, .added{{"X-A", "new"}}};
  CHECK(forwarded("Cookie: c\r\nX-a: 1\r\nB: 2\r\nx-A: 3\r\n", {.edits = &edits}) ==
        "B: 2\r\n" + kForwarded + "Via: 1.1 sluice\r\nX-A: new\r\n\r\n");
  CHECK(to_client("HTTP/1.1 200 OK\r\nCookie: c\r\nB: 2\r\nContent-Length: 1\r\n\r\n",
                  {.framing = {.kind = Framing::Kind::length, .length = 1}, .edits = &edits}) ==
        "HTTP/1.1 200 OK\r\nB: 2\r\nVia: 1.1 sluice\r\nX-A: new\r\nContent-Length: 1\r\n\r\n");
}

TEST_CASE("a field that is another to who reads _ as - does not go on in its disguise") {
  CHECK(forwarded("X_Forwarded_For: 127.0.0.1\r\nx_forwarded-proto: https\r\nContent_Length: 5\r\nA_B: 1\r\n",
                  {}) == "A_B: 1\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
  const FieldEdits edits{.removed = {"x-user"}};
  CHECK(forwarded("X_User: admin\r\nB: 2\r\n", {.edits = &edits}).starts_with("B: 2\r\nX-Forwarded-For"));
}

TEST_CASE("a trusted proxy that adds its word behind another's is believed, not the other") {
  CHECK(forwarded("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", {.client_is_trusted = true})
            .find("X-Forwarded-Proto: http\r\n") != std::string::npos);
}

TEST_CASE("trailers and interim heads keep nothing that the head had to lose") {
  RequestHead head;
  REQUIRE(decode_request(
              "POST / HTTP/1.1\r\nHost: h\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n", head)
              .error == "");
  const FieldEdits edits{.removed = {"x-user"}, .added{{"X-A", "new"}}};
  BodyDecoder body;
  body.begin(head.framing);
  REQUIRE(body.next("0\r\nA: b\r\nx-hop: secret\r\nX-User: admin\r\nX_User: admin\r\nC:\r\n\r\n"));
  REQUIRE(body.is_complete());
  CHECK(forwardable_trailers(body.trailers(), head, &edits).lines() == "A: b\r\nC:\r\n");
  CHECK(forwardable_trailers({{"A", "b"}}, head, nullptr).lines() == "A: b\r\n");
  CHECK(forwardable_trailers({}, head, &edits).empty());
  ResponseHead hints;
  REQUIRE(decode_response("HTTP/1.1 103 Early Hints\r\nX-User: a\r\nLink: x\r\n\r\n", hints).error == "");
  std::string out;
  write_interim_head(out, hints, &edits);
  CHECK(out == "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
}

TEST_CASE("an upgrade and TE: trailers are asked for anew, in one Connection") {
  const std::string fields =
      "Connection: TE, Upgrade, X-Hop\r\nTE: gzip, trailers;q=0.5\r\nUpgrade: websocket\r\n"
      "X-Hop: 1\r\nSec-WebSocket-Key: k\r\n";
  const std::string kept = "Sec-WebSocket-Key: k\r\n" + kForwarded + "Via: 1.1 sluice\r\n";
  CHECK(forwarded(fields, {.upgrade = "websocket"}) ==
        kept + "TE: trailers\r\nUpgrade: websocket\r\nConnection: TE, upgrade\r\n\r\n");
  CHECK(forwarded(fields, {}) == kept + "TE: trailers\r\nConnection: TE\r\n\r\n");
  CHECK(forwarded("TE: gzip\r\n", {}) == kForwarded + "Via: 1.1 sluice\r\n\r\n");
  CHECK(to_client("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, x-hop\r\nX-Hop: 1\r\n"
                  "Upgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n",
                  {.framing = {}, .upgraded = true}) ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
        "a\r\nConnection: upgrade\r\nVia: 1.1 sluice\r\n\r\n");
}

TEST_CASE("Via names Sluice as the configuration says, or not at all; what is there already goes on") {
  const std::string theirs = "Via: 1.0 first\r\n";
  for (const auto& [name, ours] :
       {std::pair<std::string, std::string>{"edge:80", "Via: 1.1 edge:80\r\n"}, {"", ""}}) {
    CAPTURE(name);
    const FieldEdits edits{.via = name};
    CHECK(!edits.empty());
    RequestHead head;
    REQUIRE(decode_request("GET / HTTP/1.1\r\nHost: h\r\n" + theirs + "\r\n", head).error == "");
    std::string out;
    write_request_head(out, head, {.client_ip = "192.0.2.7", .edits = &edits});
    CHECK(out == "GET / HTTP/1.1\r\nHost: h\r\n" + theirs + kForwarded + ours + "\r\n");
    CHECK(to_client("HTTP/1.1 200 OK\r\n" + theirs + "\r\n", {.framing = {}, .edits = &edits}) ==
          "HTTP/1.1 200 OK\r\n" + theirs + ours + "\r\n");
  }
  CHECK(FieldEdits{}.empty());
}

TEST_CASE("a response without a Date gets one, unless its route has a word on that") {
  const FieldList field{{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  const std::string date(field.lines());
  const auto answered = [&](const std::string& fields, const FieldEdits* edits = nullptr) {
    return to_client("HTTP/1.1 200 OK\r\n" + fields + "\r\n",
                     {.framing = {}, .date = &field, .edits = edits});
  };
  CHECK(answered("A: b\r\n") == "HTTP/1.1 200 OK\r\nA: b\r\n" + date + "Via: 1.1 sluice\r\n\r\n");
  CHECK(answered("date: x\r\n") == "HTTP/1.1 200 OK\r\ndate: x\r\nVia: 1.1 sluice\r\n\r\n");
  const FieldEdits removed{.removed = {"date"}};
  CHECK(answered("", &removed).find(date) == std::string::npos);
  const FieldEdits added{.added{{"A", "b"}, {"DATE", "y"}}};
  CHECK(answered("", &added).find(date) == std::string::npos);
  CHECK(local_response({.status = 404}, {.date = &field}).bytes.find(date) != std::string::npos);
  const FieldList other{{"date", "y"}};
  CHECK(local_response({.status = 404, .extra_fields = &other}, {.date = &field}).bytes.find(date) ==
        std::string::npos);
}

TEST_CASE("Max-Forwards counts down for TRACE and OPTIONS, and for no other method") {
  CHECK(forwarded("Max-Forwards: 7\r\n", {}, "OPTIONS * HTTP/1.1").ends_with("Max-Forwards: 6\r\n\r\n"));
  CHECK(forwarded("Max-Forwards: 7\r\n", {}).starts_with("Max-Forwards: 7\r\n"));
}

TEST_CASE("an HTTP/1.0 client's Expect is ignored, and a route may name another host") {
  CHECK(forwarded("Expect: 100-continue\r\n", {}, "POST / HTTP/1.0").find("Expect") == std::string::npos);
  RequestHead head;
  REQUIRE(decode_request("GET / HTTP/1.1\r\nHost: h\r\n\r\n", head).error == "");
  std::string out;
  write_request_head(out, head, {.client_ip = "192.0.2.7", .host = "inner"});
  CHECK(out == "GET / HTTP/1.1\r\nHost: inner\r\n" + kForwarded + "Via: 1.1 sluice\r\n\r\n");
}

TEST_CASE("the client behind trusted proxies is the last one that no trusted proxy vouches for") {
  const auto client = [](const std::string& fields) {
    RequestHead head;
    REQUIRE(decode_request("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head).error == "");
    return original_client(head, "10.0.0.9", [](std::string_view ip) { return ip.starts_with("10."); });
  };
  CHECK(client("") == "10.0.0.9");
  CHECK(client("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1\r\n") == "1.2.3.4");
  CHECK(client("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4:55 \r\n") == "1.2.3.4");
  CHECK(client("X-Forwarded-For: [2001:db8::1]:7\r\n") == "2001:db8::1");
  CHECK(client("X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.1\r\n") == "10.0.0.1");
  CHECK(client("X-Forwarded-For: 10.1.1.1\r\n") == "10.1.1.1");
  CHECK(client("X-Forwarded-For: 1.2.3.4, , 10.0.0.1,\r\nX-Forwarded-For:\r\n") == "1.2.3.4");
  CHECK(client("X-Forwarded-For: ,,\r\n") == "10.0.0.9");
}

TEST_CASE("a client is the same one however a proxy spells its address") {
  const auto client = [](const std::string& element) {
    RequestHead head;
    REQUIRE(
        decode_request("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: " + element + "\r\n\r\n", head).error ==
        "");
    return original_client(head, "10.0.0.9", [](std::string_view ip) { return ip == "10.0.0.9"; });
  };
  for (const std::string element :
       {"2001:db8::7", "2001:DB8::7", "[2001:db8::0007]:80", "2001:0db8:0::0:7"}) {
    CHECK(client(element) == "2001:db8::7");
  }
  for (const std::string element :
       {"203.0.113.7", "203.0.113.7:80", "::ffff:203.0.113.7", "[::FFFF:cb00:7107]:1"}) {
    CHECK(client(element) == "203.0.113.7");
  }
}

}  // namespace
}  // namespace sluice::http
