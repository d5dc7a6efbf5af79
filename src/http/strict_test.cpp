// What is refused, row by row as in README.md; each row in one piece and byte by byte.
#include "http/strict.h"

#include <sluice/http/body_decoder.h>

#include <string>
#include <vector>

#include "http/raw_fields.h"
#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

using namespace std::string_literals;

struct Row {
  std::string text;
  int status;
};

void check_refused(const std::vector<Row>& rows) {
  for (const auto& [text, status] : rows) {
    for (const size_t piece : {size_t{1}, size_t{3}, size_t{100'000}}) {
      CAPTURE(text);
      CAPTURE(piece);
      RequestHead head;
      const auto decoded = decode_request(text, head, piece);
      CHECK(decoded.error != "");
      CHECK(decoded.error != "incomplete");
      CHECK(decoded.status == status);
    }
  }
}

/// A request whose fields are `fields`, beside a good Host.
std::string with(const std::string& fields, const std::string& version = "1.1") {
  return "POST / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n";
}

bool is_accepted(const std::string& text) {
  RequestHead head;
  return decode_request(text, head).error.empty();
}

TEST_CASE("request lines that are none are refused (RFC 9112 3)") {
  const std::string rest = " HTTP/1.1\r\nHost: a\r\n\r\n";
  check_refused({{"GET  /" + rest, 400},  // llhttp 8.1 lets more than one space pass
                 {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
                 {" GET /" + rest, 400},
                 {"GET\t/" + rest, 400},
                 {"G@T /" + rest, 400},
                 {"\x16\x03\x01\x02\x00 / HTTP/1.1\r\n\r\n"s, 400},  // a TLS client
                 {"GET /a b" + rest, 400},
                 {"GET /a\tb" + rest, 400},
                 {"GET /a\x7f" + rest, 400},
                 {"GET /a\x80" + rest, 400},
                 {"GET /a\0b"s + rest, 400},
                 {"GET /a#b" + rest, 400},
                 {"GET a" + rest, 400},
                 {"GET a.example:80" + rest, 400},
                 {"GET ftp://a/" + rest, 400},
                 {"GET http:///a" + rest, 400},
                 {"GET http://u@a/" + rest, 400},
                 {"GET *" + rest, 400},
                 {"CONNECT a:1" + rest, 501},
                 {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
                 {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
                 {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 505},
                 {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
                 {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 505},
                 {"GET / XTTP/1.1\r\nHost: a\r\n\r\n", 400},
                 {"GET /\r\n\r\n", 400},  // HTTP/0.9
                 {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}});
  // A version that is right, with a line end that is not: llhttp 8.1 and 9.2 have different words for it.
  check_refused({{"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
                 {"GET / HTTP/1.0\n\r\n", 400},
                 {"GET / HTTP/1.1\n\n", 400},
                 {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
                 {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
                 {"GET / HTTP/1.2\nHost: a\r\n\r\n", 505},
                 {"GET / HTTP/2.0\n\r\n", 505},
                 {"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 505}});
  CHECK(is_accepted("OPTIONS *" + rest));
  CHECK(is_accepted("GET http://b.example:80/x?y" + rest));
  CHECK(is_accepted("GET /\"<>\\^`{|}" + rest));
}

TEST_CASE("a Host that is missing, repeated or malformed is refused (RFC 9112 3.2)") {
  const std::string line = "GET / HTTP/1.1\r\n";
  check_refused({{line + "\r\n", 400}, {line + "Host: a\r\nHost: a\r\n\r\n", 400}});
  for (const std::string host :
       {",",       "a b",   "a,b",  "a/b",   "a@b",    "a?b",    "a#b",         "a:b",     "a:99999",
        "a:65536", "a:1:2", ":80",  "[::1",  "[....]", "[1234]", "[::::::]:80", "[::1]x",  "[]",
        "[::g]",   "a\\b",  "a%zz", "\"a\"", "a\x80",  "::1",    "2001:db8::1", "[v1.a:b]"}) {
    check_refused({{line + "Host: " + host + "\r\n\r\n", 400}});
  }
  for (const std::string host :
       {"", " ", "a", "A.b-c_d", "a:80", "a:", "1.2.3.4:8080", "[::1]", "[::1]:80", "a%41~"}) {
    CAPTURE(host);
    CHECK(is_accepted(line + "Host: " + host + "\r\n\r\n"));
  }
  CHECK(is_accepted("GET / HTTP/1.0\r\n\r\n"));
}

TEST_CASE("field lines that two readers could read in two ways are refused (RFC 9112 5)") {
  check_refused({{with("A : b\r\n"), 400},
                 {with("A\t: b\r\n"), 400},
                 {with(": b\r\n"), 400},
                 {with("A\r\n"), 400},
                 {with("A: b\r\n c\r\n"), 400},
                 {with("A: b\r\n\tc\r\n"), 400},
                 {"GET / HTTP/1.1\r\n A: b\r\nHost: a\r\n\r\n", 400},
                 {with("A: b\x01\r\n"), 400},
                 {with("A: b\0c\r\n"s), 400},
                 {with("A\0: c\r\n"s), 400},
                 {with("A: b\x7f\r\n"), 400},
                 {with("A\x80: b\r\n"), 400},
                 {with("A(b): c\r\n"), 400},
                 {with("A: b\rc\r\n"), 400},
                 {with("A: b\rContent-Length: 5\r\n"), 400},  // CVE-2023-30589
                 {with("A: b\r\r\n"), 400},
                 {with("A: b\n"), 400},
                 {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
                 {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
                 {"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400}});  // CVE-2025-23167
  CHECK(is_accepted(with("A:b\r\nB:\t c \t\r\nC:\r\nD: \x80\xff\r\n")));
}

TEST_CASE("framing that is not one thing alone is refused (RFC 9112 6)") {
  std::vector<Row> rows;
  for (const std::string value :
       {"xchunked", "chunked, identity", "identity", "gzip, chunked", "chunked, chunked", ", chunked",
        "chunked,", "\"chunked\"", "chunked;a=b", "chunke",
        "\x0b"
        "chunked",
        "chunked\x0b", "c hunked", ""}) {
    rows.push_back({with("Transfer-Encoding: " + value + "\r\n"), 400});
  }
  for (const std::string value :
       {"", "+5", "-5", "5 5", "5, 5", "5,", "0x5", "5a", "99999999999999999999", "18446744073709551616",
        "\x0b"
        "5",
        "5.0"}) {
    rows.push_back({with("Content-Length: " + value + "\r\n"), 400});
  }
  rows.push_back({with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400});
  rows.push_back({with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400});
  rows.push_back({with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400});
  rows.push_back({with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400});
  rows.push_back({with("Transfer-Encoding: chunked\r\n", "1.0"), 400});
  rows.push_back({with("Transfer-Encoding : chunked\r\n"), 400});
  rows.push_back({"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 400});
  check_refused(rows);
  CHECK(is_accepted(with("Transfer-Encoding:\tCHUNKED \r\n")));
  CHECK(is_accepted(with("Content-Length: 18446744073709551615\r\n")));
}

TEST_CASE("an expectation other than 100-continue is refused (RFC 9110 10.1.1)") {
  check_refused({{with("Expect: 200-ok\r\n"), 417},
                 {with("Expect: 100-continue, x\r\n"), 417},
                 {with("Expect: 100-continue\r\nExpect: 100-continue\r\n"), 417},
                 {with("Expect: \r\n"), 417}});
  RequestHead head;
  REQUIRE(decode_request(with("Expect: 100-Continue\r\n"), head).error == "");
  CHECK(head.expects_continue);
  head.clear();
  REQUIRE(decode_request(with("Expect: 100-continue\r\n", "1.0"), head).error == "");
  CHECK_FALSE(head.expects_continue);  // Ignored from an HTTP/1.0 client.
}

TEST_CASE("a Connection that would take long to hold against every field is refused, on both sides") {
  for (const std::string& value : {std::string(200, ','), "a" + std::string(4000, ' ') + ",b"}) {
    RequestHead request;
    CHECK(decode_request("GET / HTTP/1.1\r\nHost: h\r\nConnection: " + value + "\r\n\r\n", request).status ==
          400);
    ResponseHead response;
    CHECK(decode_response("HTTP/1.1 200 OK\r\nConnection: " + value + "\r\n\r\n", response).status == 502);
  }
}

TEST_CASE("a response that two readers could read in two ways is the backend's fault") {
  for (const std::string& text :
       {"garbage\r\n\r\n"s, "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"s, "HTTP/1.1 99 Low\r\n\r\n"s,
        "HTTP/1.1 20 Low\r\n\r\n"s, "HTTP/1.1 2000 OK\r\n\r\n"s, "HTTP/1.1  200 OK\r\n\r\n"s,
        "HTTP/1.1\t200 OK\r\n\r\n"s, "HTTP/1.1 200 O\0K\r\n\r\n"s, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"s, "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"s, "HTTP/1.1 200 OK\nA: b\r\n\r\n"s,
        "HTTP/3.0 200 OK\r\n\r\n"s, "HTTP/1.1 200 OK\r\n\rX"s}) {
    for (const size_t piece : {size_t{1}, size_t{100'000}}) {
      CAPTURE(text);
      ResponseHead head;
      const auto decoded = decode_response(text, head, false, piece);
      CHECK(decoded.error != "");
      CHECK(decoded.error != "incomplete");
      CHECK(decoded.status == 502);
    }
  }
}

TEST_CASE(
    "white space around a response's Content-Length is none of its value, a tab either (RFC 9110 5.5)") {
  for (const std::string& space : {"\t"s, " \t"s, "\t "s, "\t\t"s}) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{100'000}}) {
      CAPTURE(space.size());
      CAPTURE(piece);
      ResponseHead head;
      const std::string text =
          "HTTP/1.1 200 O\tK\r\nA:\tb\tc\t\r\nContent-Length:" + space + "5" + space + "\r\nD: e\t\r\n\r\n";
      const auto decoded = decode_response(text + "hello", head, false, piece);
      REQUIRE(decoded.error == "");
      CHECK(decoded.used == text.size());
      CHECK(RawFields::bytes(head) == text);
      CHECK(head.reason() == "O\tK");
      REQUIRE(head.fields().size() == 3);
      CHECK(head.value(head.fields()[0]) == "b\tc");
      CHECK(head.value(head.fields()[1]) == "5");
      CHECK(head.value(head.fields()[2]) == "e");
      CHECK(head.framing.length == 5);
    }
  }
  // What tabs must not hide, and a client's head, whose length something in front of us might not see.
  for (const std::string& fields :
       {"Content-Length: 5\t5\r\n"s, "Content-Length: 5\tx\r\n"s,
        "Content-Length: 5\t\r\nContent-Length: 5\r\n"s, "Content-Length: 5\t\r\nContent-Length: 6\t\r\n"s,
        "Content-Length: 5\t\r\nA\t: b\r\n"s, "Content-Length: 5\t\r\n\tA: b\r\n"s,
        "Content-Length: 5\t\r\nTransfer-Encoding: chunked\r\n"s, "Content-Length: 5\t\n"s,
        "Content-Length: 5\v\r\n"s, "Content-Length:\t\r\n"s}) {
    CAPTURE(fields);
    for (const size_t piece : {size_t{1}, size_t{100'000}}) {
      ResponseHead head;
      const auto decoded = decode_response("HTTP/1.1 200 OK\r\n" + fields + "\r\n", head, false, piece);
      CHECK(decoded.error != "");
      CHECK(decoded.error != "incomplete");
      CHECK(decoded.status == 502);
    }
  }
  check_refused({{with("Content-Length: 5\t\r\n"), 400}});
}

TEST_CASE("trailers are kept as they came, but for those that mean something only in a head") {
  const auto clean = clean_trailers(
      "Checksum: abc\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nX-y:\r\n"
      "Authorization: x\r\nSet-Cookie: a=b\r\nConnection: close\r\nX-Forwarded-For: 1.2.3.4\r\n"
      "If-None-Match: *\r\nLocation: //b\r\nVary: *\r\nDate: x\r\n");
  REQUIRE(clean);
  CHECK(clean->lines() == "Checksum: abc\r\nX-y:\r\n");
  for (const std::string bad : {"A\r\n", "A : b\r\n", "A(: b\r\n", "A: b", "A: \x01\r\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(clean_trailers(bad));
  }
}

}  // namespace
}  // namespace sluice::http
