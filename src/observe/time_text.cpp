#include "observe/time_text.h"

#include <array>
#include <string_view>

namespace sluice::observe {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// The parts of a time of day on a day.
struct Parts {
  explicit Parts(LogTime time)
      : date(std::chrono::floor<std::chrono::days>(time)),
        clock(time - std::chrono::floor<std::chrono::days>(time)) {}

  unsigned year() const { return static_cast<unsigned>(static_cast<int>(date.year())); }

  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> clock;
};

void append_digits(std::string& out, unsigned number, size_t count) {
  out.append(count, '0');
  for (size_t i = out.size(); count > 0; --count, number /= 10)
    out[--i] = static_cast<char>('0' + number % 10);
}

void append_clock(std::string& out, const Parts& parts) {
  append_digits(out, static_cast<unsigned>(parts.clock.hours().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(parts.clock.minutes().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(parts.clock.seconds().count()), 2);
}

}  // namespace

LogTime wall_time() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

void append_iso_time(std::string& out, LogTime time) {
  const Parts parts(time);
  append_digits(out, parts.year(), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(parts.date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(parts.date.day()), 2);
  out += 'T';
  append_clock(out, parts);
  out += '.';
  append_digits(out, static_cast<unsigned>(parts.clock.subseconds().count()), 3);
  out += 'Z';
}

void append_apache_time(std::string& out, LogTime time) {
  const Parts parts(time);
  append_digits(out, static_cast<unsigned>(parts.date.day()), 2);
  out += '/';
  out += kMonths[static_cast<unsigned>(parts.date.month()) - 1];
  out += '/';
  append_digits(out, parts.year(), 4);
  out += ':';
  append_clock(out, parts);
  out += " +0000";
}

}  // namespace sluice::observe
