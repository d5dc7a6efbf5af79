// Texts of bounded length that live within their owner and never allocate. What is too long is cut.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

/// As many texts as there are bounds, one behind the other: short ones share a cache line.
template <size_t... kMost>
class ShortTexts {
 public:
  ShortTexts() = default;
  // Only what is there is copied.
  ShortTexts(const ShortTexts& other) { *this = other; }
  ShortTexts& operator=(const ShortTexts& other) {
    if (this == &other) return *this;
    ends_ = other.ends_;
    count_ = other.count_;
    std::copy_n(other.bytes_.data(), used(), bytes_.data());
    return *this;
  }
  ~ShortTexts() = default;

  /// Now there is none; the next ones are added in their order.
  void clear() { count_ = 0; }
  ShortTexts& add(std::string_view text) {
    const size_t at = used();
    return put(text, at, count_++);
  }
  /// To the last one.
  ShortTexts& append(std::string_view text) { return put(text, used(), count_ - 1U); }
  /// Empty when it was not added.
  std::string_view operator[](size_t index) const {
    if (index >= count_) return {};
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return {bytes_.data() + begin, ends_[index] - begin};
  }

 private:
  // In line it would be as long as its callers.
  [[gnu::noinline]] ShortTexts& put(std::string_view text, size_t at, size_t index) {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    const size_t size = std::min(text.size(), begin + kBounds[index] - at);
    text.copy(bytes_.data() + at, size);
    ends_[index] = static_cast<uint16_t>(at + size);
    return *this;
  }

  static constexpr std::array<size_t, sizeof...(kMost)> kBounds{kMost...};
  static_assert((kMost + ...) <= UINT16_MAX);
  size_t used() const { return count_ == 0 ? 0 : ends_[count_ - 1U]; }

  uint8_t count_ = 0;
  std::array<uint16_t, sizeof...(kMost)> ends_{};
  std::array<char, (kMost + ...)> bytes_;  // NOLINT: never read beyond used()
};

}  // namespace sluice
