// A text of bounded length that lives within its owner: it never allocates. What is too long is cut.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

template <size_t kMost>
class ShortText {
 public:
  ShortText() = default;
  // Only what is there is copied.
  ShortText(const ShortText& other) { *this = other.view(); }
  ShortText& operator=(const ShortText& other) { return *this = other.view(); }
  ~ShortText() = default;

  ShortText& operator=(std::string_view text) {
    size_ = 0;
    return append(text);
  }
  ShortText& append(std::string_view text) {
    const size_t more = std::min(text.size(), kMost - size_);
    std::copy_n(text.data(), more, bytes_.data() + size_);
    size_ = static_cast<uint16_t>(size_ + more);
    return *this;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  static_assert(kMost <= UINT16_MAX);
  uint16_t size_ = 0;
  std::array<char, kMost> bytes_;  // NOLINT: never read beyond size_
};

}  // namespace sluice
