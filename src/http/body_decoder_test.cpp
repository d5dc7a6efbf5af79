// Reading bodies by every framing.
#include <sluice/http/body_decoder.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

using namespace std::string_literals;

struct Read {
  std::string body;
  std::string rest;
  std::string error;
  bool complete = false;
};

using From = BodyDecoder::From;

Read read(Framing framing, std::string_view text, size_t piece, From from = From::client) {
  BodyDecoder decoder;
  decoder.begin(framing, from);
  Read result;
  size_t used = 0;
  while (used < text.size() && !decoder.is_complete()) {
    const auto given = text.substr(used, piece);
    const auto next = decoder.next(given);
    if (!next) {
      result.error = next.error().message;
      return result;
    }
    if (!next->data.empty()) {
      REQUIRE(next->data.data() >= given.data());  // A view, not a copy.
      REQUIRE(next->data.data() + next->data.size() <= given.data() + given.size());
    }
    REQUIRE(next->used > 0);
    result.body += next->data;
    used += next->used;
  }
  result.rest = text.substr(used);
  result.complete = decoder.is_complete();
  return result;
}

constexpr Framing kChunked{.kind = Framing::Kind::chunked};

TEST_CASE("a body of known length ends there, and what follows is not its own") {
  for (size_t piece = 1; piece < 20; ++piece) {
    const auto result = read({.kind = Framing::Kind::length, .length = 5}, "helloNEXT", piece);
    CHECK(result.body == "hello");
    CHECK(result.rest == "NEXT");
    CHECK(result.complete);
  }
}

TEST_CASE("a chunked body is put together, whatever its chunks and however they come") {
  const std::string text = "5\r\nhello\r\n00b;a=\"b\"\r\n, it's a me.\r\n";
  const std::string whole = "5\r\nhello\r\nb;a=b\r\n, it's a me\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nNEXT";
  for (size_t piece = 1; piece < whole.size(); ++piece) {
    const auto result = read(kChunked, whole, piece);
    CHECK(result.error == "");
    CHECK(result.body == "hello, it's a me");
    CHECK(result.rest == "NEXT");
    CHECK(result.complete);
  }
  CHECK(read(kChunked, text, 100).error != "");  // A chunk of twelve bytes that said eleven.
}

TEST_CASE("chunks that came together are given together, a bounded number at a time") {
  BodyDecoder decoder;
  decoder.begin(kChunked);
  std::string text;
  for (int i = 0; i < 20; ++i) text += "2\r\nab\r\n";
  text += "0\r\n\r\nNEXT";
  const auto first = decoder.next_slices(text);
  REQUIRE(first);
  CHECK(first->data().size() == BodyDecoder::Slices::kMost);
  CHECK(first->bytes == 2 * first->data().size());
  const auto second = decoder.next_slices(std::string_view(text).substr(first->used));
  REQUIRE(second);
  CHECK(second->data().size() == 20 - BodyDecoder::Slices::kMost);
  CHECK(second->data()[0] == "ab");
  CHECK(decoder.is_complete());
  CHECK(text.substr(first->used + second->used) == "NEXT");
}

TEST_CASE("half a chunk is given, half of what frames it is taken in") {
  BodyDecoder decoder;
  decoder.begin(kChunked);
  const auto half = decoder.next_slices("4\r\nab");
  REQUIRE(half);
  CHECK(half->data().size() == 1);
  const auto rest = decoder.next_slices("cd\r\n0\r\n\r");
  REQUIRE(rest);
  CHECK(rest->data()[0] == "cd");
  CHECK(rest->used == 8);
  CHECK_FALSE(decoder.is_complete());
  CHECK(decoder.next_slices("\n")->data().empty());
  CHECK(decoder.is_complete());
}

TEST_CASE("chunked framing that breaks a rule is refused, in one piece and byte by byte") {
  for (const char* text : {"\r\n", ";x\r\n", "x\r\n", "+5\r\nhello\r\n", "-1\r\n", "0x5\r\nhello\r\n",
                           " 5\r\nhello\r\n", "5 \r\nhello\r\n", "5\nhello\r\n", "5\r\nhello\n",
                           "5\r\nhelloX\r\n", "5\rhello", "11111111111111111\r\n", "5;a\001\r\n", "0\r\n\n",
                           "0\r\n X: y\r\n\r\n", "0\r\n:x\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\rX"}) {
    CAPTURE(text);
    for (const size_t piece : {size_t{1}, size_t{100}}) CHECK(read(kChunked, text, piece).error != "");
  }
}

TEST_CASE("a backend may put blanks before a chunk extension, a client may not (RFC 9112 7.1.1)") {
  const std::string text = "5 ;a=b\r\nhello\r\n1\t \t; c = \"d\" ;e\r\n!\r\n0 ;f\r\n\r\nNEXT";
  for (size_t piece = 1; piece < text.size(); ++piece) {
    const auto result = read(kChunked, text, piece, From::backend);
    CHECK(result.error == "");
    CHECK(result.body == "hello!");
    CHECK(result.rest == "NEXT");
    CHECK(result.complete);
    CHECK(read(kChunked, text, piece).error != "");
  }
  const std::string many(20'000, ' ');
  for (const std::string& bad : {" 5;a\r\nhello\r\n"s, " ;a\r\n"s, "5 \r\nhello\r\n"s, "5 5\r\nhello\r\n"s,
                                 "5 \n"s, "5\v;a\r\n"s, "5 \r;a\r\n"s, "5" + many + ";a\r\nhello\r\n"}) {
    CAPTURE(bad.substr(0, 20));
    for (const size_t piece : {size_t{1}, size_t{30'000}}) {
      CHECK(read(kChunked, bad, piece, From::backend).error != "");
    }
  }
}

TEST_CASE("trailers are there once the body is whole, and gone with the next one") {
  BodyDecoder decoder;
  decoder.begin(kChunked);
  const std::string text = "1\r\nx\r\n0\r\nA: b\r\nHost: c\r\nD: e\r\n\r\n";
  for (const char& c : text) {
    CHECK(decoder.trailers().empty());
    REQUIRE(decoder.next({&c, 1}));
  }
  CHECK(decoder.is_complete());
  CHECK(decoder.trailers().lines() == "A: b\r\nD: e\r\n");
  CHECK(decoder.copy().trailers().lines() == "A: b\r\nD: e\r\n");
  decoder.begin(kChunked);
  CHECK(decoder.trailers().empty());
}

TEST_CASE("extensions and trailers are bounded") {
  CHECK(read(kChunked, "5;" + std::string(20'000, 'x') + "\r\nhello\r\n0\r\n\r\n", 1000).error != "");
  CHECK(read(kChunked, "0\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n", 1000).error != "");
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "1;abcd\r\nx\r\n";
  CHECK(read(kChunked, many + "0\r\n\r\n", 1000).error != "");
}

TEST_CASE("a body until the connection's end never ends by itself") {
  BodyDecoder decoder;
  decoder.begin({.kind = Framing::Kind::until_close});
  CHECK(decoder.next("abc")->data == "abc");
  CHECK_FALSE(decoder.is_complete());
  CHECK(decoder.may_end_here());
}

TEST_CASE("a body that is cut may not end there") {
  BodyDecoder decoder;
  decoder.begin({.kind = Framing::Kind::length, .length = 5});
  REQUIRE(decoder.next("abc"));
  CHECK_FALSE(decoder.may_end_here());
  decoder.begin(kChunked);
  REQUIRE(decoder.next("5\r\nhello\r\n"));
  CHECK_FALSE(decoder.may_end_here());
}

TEST_CASE("no body and an empty body are complete from the start") {
  BodyDecoder decoder;
  decoder.begin({});
  CHECK(decoder.is_complete());
  decoder.begin({.kind = Framing::Kind::length, .length = 0});
  CHECK(decoder.is_complete());
}

}  // namespace
}  // namespace sluice::http
