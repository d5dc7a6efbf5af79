#include <sluice/base/text.h>

#include <array>

#include <doctest/doctest.h>

namespace sluice {
namespace {

using Words = std::vector<std::string_view>;

TEST_CASE("case is ignored for ASCII letters, and for nothing else") {
  CHECK(equals_ignoring_case("Content-Length", "content-LENGTH"));
  CHECK(equals_ignoring_case("", ""));
  CHECK_FALSE(equals_ignoring_case("a", "ab"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));  // these differ by the bit that makes a letter small
  CHECK_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  CHECK(to_lower("HeLLo [Z] \xc4") == "hello [z] \xc4");
}

TEST_CASE("case is ignored of letters alone, wherever in a text they are, and however long that is") {
  const std::string_view sample = "x-Some-HEAD-of-19-b";
  int wrong = 0;
  for (const size_t size : {1, 3, 4, 7, 8, 11, 16, 19}) {
    for (int a = 0; a < 256; ++a) {
      for (int b = 0; b < 256; ++b) {
        const bool same = ascii_lower(static_cast<char>(a)) == ascii_lower(static_cast<char>(b));
        for (const size_t at : {size_t{0}, size / 2, size - 1}) {
          std::string one(sample.substr(0, size));
          std::string other = to_lower(one);
          one[at] = static_cast<char>(a);
          other[at] = static_cast<char>(b);
          wrong += equals_ignoring_case(one, other) == same ? 0 : 1;
          wrong += equals_lower(to_lower(one), other) == same ? 0 : 1;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("trim takes spaces and tabs off both ends, and no line ends") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("a") == "a");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
  CHECK(trim("\na\r") == "\na\r");
}

TEST_CASE("words are what stands between spaces and tabs") {
  CHECK(split_words("backend  add\tshop ") == Words{"backend", "add", "shop"});
  CHECK(split_words("one") == Words{"one"});
  CHECK(split_words(" \t").empty());
}

TEST_CASE("a number is digits only, all of them, and fits") {
  CHECK(parse_unsigned("0") == 0u);
  CHECK(parse_unsigned("0042") == 42u);
  CHECK(parse_unsigned("18446744073709551615") == UINT64_MAX);
  for (const auto* text :
       {"", "+1", "-1", " 1", "1 ", "0x1", "1e3", "18446744073709551616", "99999999999999999999"}) {
    CHECK_FALSE(parse_unsigned(text));
  }
}

TEST_CASE("concat joins its parts") {
  CHECK(concat({"a", "", "bc"}) == "abc");
  CHECK(concat({}).empty());
}

TEST_CASE("the closest word is what was meant, and nothing when none is near") {
  constexpr std::array<std::string_view, 4> kWords = {"backends", "balance", "health", "timeouts"};
  CHECK(closest_match("backend", kWords) == "backends");
  CHECK(closest_match("balanse", kWords) == "balance");
  CHECK(closest_match("timeout", kWords) == "timeouts");
  CHECK(closest_match("helath", kWords) == "health");
  CHECK_FALSE(closest_match("queue", kWords));
  CHECK_FALSE(closest_match("", kWords));
  constexpr std::array<std::string_view, 3> kShort = {"", "a", "bc"};
  for (const std::string_view word : {"", "x", "xy", "b"}) CHECK(closest_match(word, kShort) != "");
  CHECK_FALSE(closest_match("x", kShort));
  CHECK_FALSE(closest_match("", kShort));
  CHECK(closest_match("b", kShort) == std::nullopt);
  CHECK(closest_match("bcd", kShort) == "bc");
}

TEST_CASE("a count has its noun in the right number") {
  CHECK(counted(0, "request") == "0 requests");
  CHECK(counted(1, "request") == "1 request");
  CHECK(counted(2, "request") == "2 requests");
}

}  // namespace
}  // namespace sluice
