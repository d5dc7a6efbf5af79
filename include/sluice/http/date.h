// The Date of a response (RFC 9110 6.6.1), made once a second.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/http/field_list.h>

#include <chrono>
#include <string>

namespace sluice::http {

/// Appends Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 5.6.7), whatever the locale.
void append_date(std::string& out, std::chrono::sys_seconds time);

/// One thread's.
class DateField {
 public:
  /// The field of this moment of the monotonic clock, alone in its list. Valid until the next call.
  const FieldList* at(TimePoint now) {
    if (now >= next_) renew(now);
    return &field_;
  }

 private:
  void renew(TimePoint now);

  FieldList field_;
  TimePoint next_{};  // when the second is over
};

}  // namespace sluice::http
