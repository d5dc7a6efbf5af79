#include <sluice/base/log.h>

#include <doctest/doctest.h>

namespace sluice {
namespace {

TEST_CASE("a plain value stands as it is, anything else in quotes") {
  CHECK(field("pool", "shop") == " pool=shop");
  CHECK(field("backend", "127.0.0.1:9002") == " backend=127.0.0.1:9002");
  CHECK(field("cause", "connection refused") == " cause=\"connection refused\"");
  CHECK(field("empty", "") == " empty=\"\"");
  CHECK(field("equals", "a=b") == " equals=\"a=b\"");
  CHECK(field("quote", "a\"b\\c") == " quote=\"a\\\"b\\\\c\"");
  CHECK(field("count", 3) == " count=3");
  CHECK(field("count", -3) == " count=-3");
}

TEST_CASE("no value makes a second line or a field of its own") {
  CHECK(field("path", "/a\nerror all is lost") == " path=\"/a\\nerror all is lost\"");
  CHECK(field("path", "/a\r\t") == " path=\"/a\\r\\t\"");
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const std::string text = field("key", std::string_view(&c, 1));
    for (const char written : text)
      CHECK_FALSE((static_cast<unsigned char>(written) < 0x20 || written == 0x7f));
  }
}

TEST_CASE("levels have words, and words levels") {
  for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    CHECK(log_level(name(level)) == level);
  }
  CHECK(name(LogLevel::warning) == "warning");
  CHECK_FALSE(log_level("warn").has_value());
  CHECK_FALSE(log_level("").has_value());
}

}  // namespace
}  // namespace sluice
