// Durations and sizes, both ways.
#include <sluice/config/load.h>

#include <doctest/doctest.h>

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

/// -1: refused.
int64_t milliseconds(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? duration->count() : -1;
}

int64_t bytes(std::string_view text) {
  const auto size = parse_size(text);
  return size ? static_cast<int64_t>(*size) : -1;
}

TEST_CASE("a duration is a number with a unit") {
  CHECK(milliseconds("250ms") == 250);
  CHECK(milliseconds("30s") == 30'000);
  CHECK(milliseconds("5m") == 300'000);
  CHECK(milliseconds("1h") == 3'600'000);
  CHECK(milliseconds("1.5s") == 1500);
  CHECK(milliseconds("0.25h") == 900'000);
  CHECK(milliseconds("0s") == 0);
}

TEST_CASE("what is no duration, or would be rounded, is refused") {
  for (const auto text :
       {"", "30", "s", "30 s", " 30s", "-1s", "+1s", "1e3s", "30sec", "30S", "1.s", ".5s", "1.2.3s", "1.5ms",
        "0.0001s", "1.0000001h", "99999999999999999999s", "9007199254740993ms", "1m30s"}) {
    CAPTURE(text);
    CHECK(milliseconds(text) == -1);
  }
  CHECK(parse_duration("5 s").error().message ==
        "expected a duration such as \"500ms\", \"30s\", \"5m\" or \"1h\", got \"5 s\"");
  CHECK(parse_duration("5 s").error().code == ErrorCode::invalid_config);
}

TEST_CASE("a size is a number with a unit, of 1024 or of 1000") {
  CHECK(bytes("512B") == 512);
  CHECK(bytes("64KiB") == 65'536);
  CHECK(bytes("10MiB") == 10'485'760);
  CHECK(bytes("1GiB") == 1'073'741'824);
  CHECK(bytes("64kB") == 64'000);
  CHECK(bytes("10MB") == 10'000'000);
  CHECK(bytes("1GB") == 1'000'000'000);
  CHECK(bytes("1.5KiB") == 1536);
}

TEST_CASE("what is no size is refused") {
  for (const auto text : {"", "64", "64K", "64KB", "64kib", "-1B", "0.5B", "99999999999GiB"}) {
    CAPTURE(text);
    CHECK(bytes(text) == -1);
  }
  CHECK(parse_size("64K").error().message ==
        "expected a size such as \"512B\", \"64KiB\" or \"10MiB\", got \"64K\"");
}

TEST_CASE("the shortest exact spelling comes back, and means the same") {
  CHECK(duration_text(0ms) == "0s");
  CHECK(duration_text(1500ms) == "1500ms");
  CHECK(duration_text(30s) == "30s");
  CHECK(duration_text(90s) == "90s");
  CHECK(duration_text(60s) == "1m");
  CHECK(duration_text(24h) == "24h");
  CHECK(size_text(0) == "0B");
  CHECK(size_text(1000) == "1000B");
  CHECK(size_text(65'536) == "64KiB");
  CHECK(size_text(uint64_t{3} << 30) == "3GiB");
  for (const int64_t count : {0, 1, 999, 1000, 59'999, 60'000, 3'600'000, 86'400'000}) {
    CHECK(milliseconds(duration_text(Duration(count))) == count);
    CHECK(bytes(size_text(static_cast<uint64_t>(count))) == count);
  }
}

}  // namespace
}  // namespace sluice::config
