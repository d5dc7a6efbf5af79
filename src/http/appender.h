// Appends many small pieces to a string whose room is made once, for all of them.
#pragma once

#include <sluice/base/check.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

class Appender {
 public:
  /// Of any number.
  static constexpr size_t kMostDigits = 20;

  /// At most `most` bytes are appended. `out` is theirs as long as this lives, and is not touched otherwise.
  Appender(std::string& out, size_t most) : out_(out) {
    const size_t begin = out.size();
    out.resize(begin + most);
    at_ = out.data() + begin;
    end_ = at_ + most;
  }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() { out_.resize(static_cast<size_t>(at_ - out_.data())); }

  Appender& add(std::string_view text) {
    CHECK(text.size() <= static_cast<size_t>(end_ - at_));
    at_ += text.copy(at_, text.size());
    return *this;
  }
  /// std::to_chars of GCC 12 makes its table of 200 bytes anew for each number. In line this would be as long
  /// as its callers.
  [[gnu::noinline]] Appender& add(uint64_t number) {
    std::array<char, kMostDigits> digits;
    size_t begin = digits.size();
    do {
      digits[--begin] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return add(std::string_view(digits.data() + begin, digits.size() - begin));
  }

 private:
  std::string& out_;
  char* at_;
  char* end_;
};

}  // namespace sluice::http
