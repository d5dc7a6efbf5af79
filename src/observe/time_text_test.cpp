#include "observe/time_text.h"

#include <array>
#include <ctime>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

TEST_CASE("times are written in UTC, every part with its zeros") {
  const LogTime time{std::chrono::milliseconds{1'772'593'507'009}};
  std::string text = "at ";
  append_iso_time(text, time);
  text += ' ';
  append_apache_time(text, time);
  CHECK(text == "at 2026-03-04T03:05:07.009Z 04/Mar/2026:03:05:07 +0000");
}

TEST_CASE("every month, leap day and midnight is what libc says it is") {
  constexpr int64_t kStep = 17 * 3600 + 59 * 60 + 59;  // Comes by every hour and minute of the day.
  for (int64_t seconds = 946'684'800; seconds < 4'200'000'000; seconds += 13 * kStep) {
    const LogTime time{std::chrono::seconds{seconds}};
    std::string iso;
    std::string apache;
    append_iso_time(iso, time);
    append_apache_time(apache, time);
    const std::time_t libc_time = seconds;
    std::tm utc{};
    ::gmtime_r(&libc_time, &utc);
    std::array<char, 40> text;
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
    REQUIRE(iso == text.data());
    std::strftime(text.data(), text.size(), "%d/%b/%Y:%H:%M:%S +0000", &utc);
    REQUIRE(apache == text.data());
  }
}

}  // namespace
}  // namespace sluice::observe
