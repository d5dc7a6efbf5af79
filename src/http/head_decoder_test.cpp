// Reading heads: what is accepted, what is refused, and that no split of the bytes changes either.
#include <sluice/http/head_decoder.h>

#include <vector>

#include "http/raw_fields.h"
#include "http/test_tools.h"

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

const std::string kRequest =
    "GET /a/b?c=d HTTP/1.1\r\nHost: shop.example\r\nX-Empty:\r\nX-Spaces: \t one two \t\r\nCookie: a=b; "
    "c=d\r\n\r\n";

TEST_CASE("a request head has its parts as views into one buffer, however it was split") {
  for (size_t piece = 1; piece <= kRequest.size() + 1; ++piece) {
    CAPTURE(piece);
    RequestHead head;
    const auto decoded = decode_request(kRequest + "body", head, piece);
    REQUIRE(decoded.error == "");
    CHECK(decoded.used == kRequest.size());
    CHECK(head.text() == kRequest);
    CHECK(head.method() == "GET");
    CHECK(head.target() == "/a/b?c=d");
    CHECK(head.path() == "/a/b");
    CHECK(head.host() == "shop.example");
    CHECK(head.protocol == Protocol::http1_1);
    CHECK(head.keep_alive);
    CHECK(head.framing.kind == Framing::Kind::none);
    REQUIRE(head.fields().size() == 4);
    CHECK(head.value(head.fields()[1]) == "");
    CHECK(head.name(head.fields()[2]) == "X-Spaces");
    CHECK(head.value(head.fields()[2]) == "one two");
    CHECK(RawFields::line(head, head.fields()[3]) == "Cookie: a=b; c=d\r\n");
  }
}

TEST_CASE("a response head has its parts, however it was split") {
  const std::string text = "HTTP/1.1 404 Not Really Found\r\nContent-Length: 5\r\nServer: x\r\n\r\n";
  for (size_t piece = 1; piece <= text.size() + 1; ++piece) {
    CAPTURE(piece);
    ResponseHead head;
    const auto decoded = decode_response(text + "hello", head, false, piece);
    REQUIRE(decoded.error == "");
    CHECK(decoded.used == text.size());
    CHECK(head.status == 404);
    CHECK(head.reason() == "Not Really Found");
    CHECK(head.framing.kind == Framing::Kind::length);
    CHECK(head.framing.length == 5);
    CHECK(head.keep_alive);
  }
}

TEST_CASE("one decoder reads one head after the other") {
  HeadDecoder decoder(HeadDecoder::Of::request, {});
  const std::string two = kRequest + "\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
  RequestHead head;
  auto decoded = decode(decoder, two, head, 1000);
  REQUIRE(decoded.error == "");
  CHECK_FALSE(decoder.has_begun());
  head.clear();
  decoded = decode(decoder, std::string_view(two).substr(decoded.used), head, 7);
  REQUIRE(decoded.error == "");
  CHECK(head.target() == "/2");
  CHECK(head.framing.length == 3);
}

TEST_CASE("blank lines before a request are ignored and begin nothing") {
  HeadDecoder decoder(HeadDecoder::Of::request, {});
  RequestHead head;
  auto progress = decoder.decode("\r\n\r\n", head);
  REQUIRE(progress);
  CHECK_FALSE(progress->complete);
  CHECK_FALSE(decoder.has_begun());
  progress = decoder.decode("G", head);
  REQUIRE(progress);
  CHECK(decoder.has_begun());
}

TEST_CASE("blank lines without end are refused") {
  HeadDecoder decoder(HeadDecoder::Of::request, {});
  RequestHead head;
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) refused = !decoder.decode("\r\n", head);
  CHECK(refused);
}

TEST_CASE("a blank line before a request ends in CRLF as every line does") {
  for (const std::string blank : {"\n", "\r", "\r\r\n", "\r\n\n"}) {
    for (size_t piece = 1; piece < 8; ++piece) {
      CAPTURE(blank);
      RequestHead head;
      CHECK(decode_request(blank + "GET / HTTP/1.1\r\nHost: a\r\n\r\n", head, piece).error != "");
      RequestHead other;
      CHECK(decode_request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", other, piece).error == "");
    }
  }
}

TEST_CASE("any token is a method, whatever llhttp's list says") {
  for (const std::string method : {"PURGE", "FOO", "get", "M-SEARCH", "!#$%&'*+-.^_`|~09", "PRI"}) {
    for (size_t piece = 1; piece < 8; ++piece) {
      CAPTURE(method);
      RequestHead head;
      REQUIRE(decode_request(method + " /x HTTP/1.1\r\nHost: a\r\n\r\n", head, piece).error == "");
      CHECK(head.method() == method);
      CHECK(head.target() == "/x");
    }
  }
}

TEST_CASE("a head over its bounds is refused before it is complete") {
  RequestHead head;
  const std::string long_target = "GET /" + std::string(3000, 'a');
  CHECK(decode_request(long_target, head, 100, {.bytes = 4096, .target_bytes = 1024}).status == 414);
  head.clear();
  CHECK(decode_request(long_target, head, 100, {.bytes = 1024}).status == 431);
  head.clear();
  CHECK(decode_request(std::string(100, 'A'), head, 7).status == 501);
  head.clear();
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 20; ++i) many += "A: b\r\n";
  CHECK(decode_request(many, head, 10, {.bytes = 1024, .fields = 10}).status == 431);
  head.clear();
  CHECK(decode_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", head, 1000, {.bytes = 27, .fields = 1}).error ==
        "");
}

TEST_CASE("a connection lives on as the version and Connection say") {
  const auto keep_alive = [](const std::string& version, const std::string& connection) {
    RequestHead head;
    const auto decoded =
        decode_request("GET / HTTP/" + version + "\r\nHost: a\r\n" + connection + "\r\n", head);
    REQUIRE(decoded.error == "");
    return head.keep_alive;
  };
  CHECK(keep_alive("1.1", ""));
  CHECK_FALSE(keep_alive("1.1", "Connection: x, Close\r\n"));
  CHECK_FALSE(keep_alive("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  CHECK_FALSE(keep_alive("1.0", ""));
  CHECK(keep_alive("1.0", "Connection: Keep-Alive\r\n"));
}

TEST_CASE("an absolute-form target brings its own host and path") {
  RequestHead head;
  REQUIRE(decode_request("GET http://Shop.example:81?q HTTP/1.1\r\nHost: other\r\n\r\n", head).error == "");
  CHECK(head.host() == "Shop.example:81");
  CHECK(head.path() == "/");
  CHECK(head.origin_target() == "/?q");
}

TEST_CASE("a response's body is framed by its fields, its status and the request") {
  const auto kind = [](const std::string& text, bool to_head = false) {
    ResponseHead head;
    const auto decoded = decode_response(text, head, to_head);
    REQUIRE(decoded.error == "");
    return head.framing.kind;
  };
  using Kind = Framing::Kind;
  CHECK(kind("HTTP/1.1 200 OK\r\n\r\n") == Kind::until_close);
  CHECK(kind("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n") == Kind::length);
  CHECK(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n") == Kind::chunked);
  CHECK(kind("HTTP/1.1 204 No Content\r\n\r\n") == Kind::none);
  CHECK(kind("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n") == Kind::none);
  CHECK(kind("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") == Kind::none);
  CHECK(kind("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true) == Kind::none);
  CHECK(kind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true) == Kind::none);
}

TEST_CASE("a response that is refused says which rule it broke, and in which field") {
  const auto wrong = [](const std::string& text) {
    std::string first;
    for (const size_t piece : {text.size(), size_t{1}}) {  // However it comes.
      HeadDecoder decoder(HeadDecoder::Of::response, {});
      ResponseHead head;
      std::string error;
      for (size_t i = 0; i < text.size() && error.empty(); i += piece) {
        const auto progress = decoder.decode(std::string_view(text).substr(i, piece), head, false);
        if (!progress) error = progress.error().message;
      }
      if (first.empty()) first = error;
      CHECK(error == first);
    }
    return first;
  };
  const auto says = [&](const std::string& text, const std::string& word) {
    return wrong(text).find(word) != std::string::npos;
  };
  CHECK(says("HTTP/1.1 200 OK\nA: b\n\nhi", "CRLF"));
  CHECK(says("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", "CRLF"));
  CHECK(says("HTTP/1.1 200 OK\r\nA-Ok: 1\r\nX Bad: 1\r\n\r\n", "X"));  // llhttp 9.2 stops behind it.
  CHECK(says("HTTP/1.1 200 OK\r\nX-Bad: a\x01z\r\n\r\n", "X-Bad"));
  CHECK(says("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "Content-Length"));
  CHECK(says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "Content-Length"));
  CHECK(says("nonsense\r\n\r\n", "status line"));
}

TEST_CASE("a response that breaks a rule is the backend's fault") {
  for (const char* text :
       {"garbage\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n"}) {
    CAPTURE(text);
    ResponseHead head;
    const auto decoded = decode_response(text, head);
    CHECK(decoded.error != "");
    CHECK(decoded.error != "incomplete");
    CHECK(decoded.status == 502);
  }
}

}  // namespace
}  // namespace sluice::http
