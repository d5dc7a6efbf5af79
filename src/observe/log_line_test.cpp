#include "observe/log_line.h"

#include <sluice/base/check.h>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

constexpr LogTime kTime{std::chrono::milliseconds{1795435200123}};  // 2026-11-23T12:00:00.123Z

std::string line(LogFormat format, std::string_view message, LogLevel level = LogLevel::info) {
  std::string out;
  append_log_line(out, format, kTime, level, message);
  return out;
}

/// The message of a line of JSON, as it stands between its quotes.
std::string json(std::string_view message) {
  const std::string whole = line(LogFormat::json, message);
  const std::string_view start = "{\"time\":\"2026-11-23T12:00:00.123Z\",\"level\":\"info\",\"message\":\"";
  REQUIRE(whole.starts_with(start));
  REQUIRE(whole.ends_with("\"}\n"));
  return whole.substr(start.size(), whole.size() - start.size() - 3);
}

TEST_CASE("a line of text is the time in UTC, the level and the message") {
  CHECK(line(LogFormat::text, "backend down pool=shop") ==
        "2026-11-23T12:00:00.123Z info backend down pool=shop\n");
  CHECK(line(LogFormat::text, "x", LogLevel::error) == "2026-11-23T12:00:00.123Z error x\n");
}

TEST_CASE("no message makes a second line of text") {
  CHECK(line(LogFormat::text, "a\nb\r\x7f") == "2026-11-23T12:00:00.123Z info a\\x0ab\\x0d\\x7f\n");
}

TEST_CASE("a message in JSON is one string, whatever its bytes") {
  CHECK(json("backend down pool=shop") == "backend down pool=shop");
  CHECK(json("cause=\"no \\ such\"") == "cause=\\\"no \\\\ such\\\"");
  CHECK(json("a\nb\tc") == "a\\u000ab\\u0009c");
  CHECK(json(std::string_view("a\0b", 3)) == "a\\u0000b");
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
