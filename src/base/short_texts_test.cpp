#include <sluice/base/short_texts.h>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("each of several short texts keeps what fits") {
  ShortTexts<5, 2, 4> texts;
  CHECK(texts[0].empty());
  texts.clear();
  texts.add("abc").append("defg").add("xyz").add("");
  CHECK(texts[0] == "abcde");
  CHECK(texts[1] == "xy");
  CHECK(texts[2].empty());
  texts.append("1234");
  CHECK(texts[1] == "xy");
  CHECK(texts[2] == "1234");
}

TEST_CASE("short texts that were cleared are gone, and a copy keeps its own") {
  ShortTexts<5, 5> texts;
  texts.add("abc").add("de");
  ShortTexts<5, 5> copy = texts;
  texts.clear();
  CHECK(texts[0].empty());
  CHECK(texts[1].empty());
  texts.add("z");
  CHECK(texts[0] == "z");
  CHECK(texts[1].empty());
  CHECK(copy[0] == "abc");
  CHECK(copy[1] == "de");
  copy = texts;
  CHECK(copy[0] == "z");
  CHECK(copy[1].empty());
}

}  // namespace
}  // namespace sluice
