// Names for requests that came without one. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::proxy {

/// One worker's. The ids of all workers of all processes differ with near certainty; they are no secret.
class RequestIds {
 public:
  using Text = std::array<char, 32>;

  /// A random start.
  RequestIds();
  /// A given one, for tests.
  explicit RequestIds(uint64_t start) : RequestIds(start, start) {}

  /// 32 lower case hexadecimal digits into `text`, and a view of them.
  std::string_view make(Text& text);

 private:
  RequestIds(uint64_t prefix, uint64_t next);

  std::array<char, 16> prefix_;  // as digits
  uint64_t next_;
};

}  // namespace sluice::proxy
