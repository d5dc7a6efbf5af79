// What counts as a token, a host and a media type.
#include "config/syntax.h"

#include <string>

#include <doctest/doctest.h>

namespace sluice::config {
namespace {

TEST_CASE("a token is what names of fields and protocols are made of") {
  for (const std::string text : {"X-Env", "a", "websocket", "!#$%&'*+-.^_`|~9"}) CHECK(is_token(text));
  for (const std::string text : {"", "a b", "a:", "\u00e4", "a\n", "(a)", "a/b", "\"a\""}) {
    CAPTURE(text);
    CHECK_FALSE(is_token(text));
  }
}

TEST_CASE("an authority is a host with or without a port") {
  for (const std::string text :
       {"a", "A.Example", "a.example:80", "10.0.0.1", "10.0.0.1:65535", "[::1]", "[::1]:80"}) {
    CAPTURE(text);
    CHECK(is_authority(text));
  }
  for (const std::string text :
       {"",    ":80", "a:",   "a:0",  "a:65536", "a:b",       "a:80:80", "a@b", "a/b", "a b",
        "*.a", ".a",  "a..b", "[::1", "[::1]a",  "[::1]a:80", "[::1]:",  "[]",  "::1", "[10.0.0.1]"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
}

TEST_CASE("a media type has a type and a subtype, and may have parameters") {
  for (const std::string text : {"text/plain", "text/html; charset=utf-8", "application/problem+json"}) {
    CHECK(is_content_type(text));
  }
  for (const std::string text :
       {"", "text", "text/", "/plain", "text/ plain", "text/\u00e4", "text/plain; a=\u00e4"}) {
    CAPTURE(text);
    CHECK_FALSE(is_content_type(text));
  }
}

}  // namespace
}  // namespace sluice::config
