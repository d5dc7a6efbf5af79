// The Date field.
#include <sluice/http/date.h>

#include <thread>

#include <doctest/doctest.h>

namespace sluice::http {
namespace {

std::string date(int64_t seconds) {
  std::string out;
  append_date(out, std::chrono::sys_seconds(std::chrono::seconds(seconds)));
  return out;
}

TEST_CASE("a date is written as RFC 9110 wants it") {
  CHECK(date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(date(4102444799) == "Thu, 31 Dec 2099 23:59:59 GMT");
}

TEST_CASE("the field is made once a second") {
  HeldClock clock;
  DateField date;
  const std::string first(date.at(clock.now())->lines());
  CHECK(first.starts_with("Date: "));
  CHECK(first.ends_with(" GMT\r\n"));
  CHECK(date.at(clock.now())->lines() == first);
  const auto second = [] {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  };
  for (const auto before = second(); second() == before;) std::this_thread::yield();
  CHECK(date.at(clock.now())->lines() == first);  // Another one now, if it were made for each answer.
  clock.advance(Duration{1000});
  CHECK(date.at(clock.now())->lines() != first);
  CHECK(date.at(clock.now())->lines().size() == 37);
  CHECK(date.at(clock.now())->fields().size() == 1);
}

}  // namespace
}  // namespace sluice::http
