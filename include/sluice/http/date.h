// The Date of a response (RFC 9110 6.6.1), made once a second.
#pragma once

#include <sluice/base/clock.h>

#include <chrono>
#include <string>
#include <string_view>

namespace sluice::http {

/// Appends Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7), whatever the locale.
void append_date(std::string& out, std::chrono::sys_seconds time);

/// One thread's.
class DateLine {
 public:
  /// "Date: ...\r\n" of this moment of the monotonic clock. Valid until the next call.
  std::string_view at(TimePoint now) {
    if (now >= next_) renew(now);
    return line_;
  }

 private:
  void renew(TimePoint now);

  std::string line_;
  TimePoint next_{};  // when the second is over
};

}  // namespace sluice::http
