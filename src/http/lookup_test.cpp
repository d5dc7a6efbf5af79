// Fields and cookies by name.
#include <sluice/http/lookup.h>

#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

RequestHead head_with(const std::string& fields) {
  RequestHead head;
  REQUIRE(decode_request("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", head).error.empty());
  return head;
}

TEST_CASE("a field is found by its name in any case, and its first value counts") {
  const auto head = head_with("X-User: ann\r\nx-user: bob\r\nX-Users: all\r\nX-Empty:\r\n");
  CHECK(find_field(head, "x-USER") == "ann");
  CHECK(find_field(head, "X-Empty") == "");
  CHECK_FALSE(find_field(head, "X-Use"));
}

TEST_CASE("a cookie is found among others, by its very name") {
  const auto head = head_with("Cookie: a=1; session=abc;b=2; Session=no; q=\"quoted\"; empty=; odd\r\n");
  CHECK(find_cookie(head, "session") == "abc");
  CHECK(find_cookie(head, "a") == "1");
  CHECK(find_cookie(head, "b") == "2");
  CHECK(find_cookie(head, "q") == "quoted");
  CHECK(find_cookie(head, "empty") == "");
  CHECK_FALSE(find_cookie(head, "odd"));
  CHECK_FALSE(find_cookie(head, "sess"));
  CHECK_FALSE(find_cookie(head, ""));
}

TEST_CASE("the first cookie of a name counts, in whichever field it is") {
  const auto head = head_with("Cookie: x=0\r\ncookie: a=1; a=2\r\nCookie: a=3\r\n");
  CHECK(find_cookie(head, "a") == "1");
  CHECK_FALSE(find_cookie(head_with(""), "a"));
}

TEST_CASE("a value may hold what would end a name") {
  CHECK(find_cookie(head_with("Cookie: t=a=b==\r\n"), "t") == "a=b==");
}

TEST_CASE("an authority loses its port, and an IPv6 address in it no part of its own") {
  CHECK(without_port("shop.example:8080") == "shop.example");
  CHECK(without_port("shop.example") == "shop.example");
  CHECK(without_port("[::1]:80") == "[::1]");
  CHECK(without_port("[::1]") == "[::1]");
  CHECK(without_port("[2001:db8::1]:") == "[2001:db8::1]");
  CHECK(without_port("2001:db8::1") == "2001:db8::1");
  CHECK(without_port("::1") == "::1");
  CHECK(without_port("[v1.a:b]") == "[v1.a:b]");
  CHECK(without_port("[v1.a:b]:80") == "[v1.a:b]");
  CHECK(without_port("[::1]x:80") == "[::1]x:80");
  CHECK(without_port("[") == "[");
  CHECK(without_port("") == "");
}

TEST_CASE("a bare host has neither port nor brackets") {
  CHECK(bare_host("shop.example:8080") == "shop.example");
  CHECK(bare_host("shop.example") == "shop.example");
  CHECK(bare_host("[::1]:80") == "::1");
  CHECK(bare_host("[::1]") == "::1");
  CHECK(bare_host("::1") == "::1");
  CHECK(bare_host("[") == "[");
  CHECK(bare_host("[]") == "");
  CHECK(bare_host("") == "");
}

}  // namespace
}  // namespace sluice::http
