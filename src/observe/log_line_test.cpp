#include "observe/log_line.h"

#include <sluice/base/check.h>
#include <sluice/base/log.h>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

constexpr LogTime kTime{std::chrono::milliseconds{1795435200123}};  // 2026-11-23T12:00:00.123Z

std::string line(LogFormat format, std::string_view message, LogLevel level = LogLevel::info) {
  std::string out;
  append_log_line(out, format, kTime, level, message);
  return out;
}

/// The event of a line of JSON, as it stands between its quotes.
std::string json(std::string_view message) {
  const std::string whole = line(LogFormat::json, message);
  const std::string_view start = "{\"time\":\"2026-11-23T12:00:00.123Z\",\"level\":\"info\",\"event\":\"";
  const std::string_view end = "\",\"fields\":{}}\n";
  REQUIRE(whole.starts_with(start));
  REQUIRE(whole.ends_with(end));
  return whole.substr(start.size(), whole.size() - start.size() - end.size());
}

TEST_CASE("a line of text is the time in UTC, the level and the message") {
  CHECK(line(LogFormat::text, "backend down pool=shop") ==
        "2026-11-23T12:00:00.123Z info backend down pool=shop\n");
  CHECK(line(LogFormat::text, "x", LogLevel::error) == "2026-11-23T12:00:00.123Z error x\n");
}

TEST_CASE("no message makes a second line of text") {
  CHECK(line(LogFormat::text, "a\nb\r\x7f") == "2026-11-23T12:00:00.123Z info a\\nb\\r\\x7f\n");
}

TEST_CASE("a message in JSON is one string, whatever its bytes") {
  CHECK(json("backend down") == "backend down");
  CHECK(json("no \"\\ such") == "no \\\"\\\\ such");
  CHECK(json("a\nb\tc") == "a\\nb\\tc");
  CHECK(json(std::string_view("a\0b", 3)) == "a\\u0000b");
}

TEST_CASE("in JSON fields are apart, numbers are numbers, and a newline is escaped once") {
  const std::string text = "backend down" + field("pool", "shop") + field("failures", 3) +
                           field("cause", "a\nb \"c\\") + field("zero", "007") + field("none", "") +
                           field("id", "12345678901234567890") + field("below", -2);
  CHECK(line(LogFormat::json, text) ==
        R"({"time":"2026-11-23T12:00:00.123Z","level":"info","event":"backend down","fields":{"pool":"shop",)"
        R"("failures":3,"cause":"a\nb \"c\\","zero":"007","none":"","id":"12345678901234567890","below":-2}})"
        "\n");
}

TEST_CASE("UTF-8 stays in JSON, and what is none becomes U+FFFD") {
  CHECK(json("Zürich €5 \xf0\x9f\x98\x80") == "Zürich €5 \xf0\x9f\x98\x80");
  CHECK(json("\xff") == "\\ufffd");
  CHECK(json("a\xc3") == "a\\ufffd");                                 // cut off
  CHECK(json("\xc0\xaf") == "\\ufffd\\ufffd");                        // overlong
  CHECK(json("\xe0\x80\x80") == "\\ufffd\\ufffd\\ufffd");             // overlong
  CHECK(json("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");             // a surrogate
  CHECK(json("\xf4\x90\x80\x80") == "\\ufffd\\ufffd\\ufffd\\ufffd");  // beyond U+10FFFF
  CHECK(json("\xc3\"") == "\\ufffd\\\"");                             // the quote is not swallowed
}

}  // namespace
}  // namespace sluice::observe
