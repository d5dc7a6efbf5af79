// Several bytes of a text at once, for what each request is looked at by.
#pragma once

#include <cstdint>
#include <cstring>

namespace sluice {

/// Times a byte: that byte in each place of a word.
inline constexpr uint64_t kEachByte = 0x0101010101010101;

/// The bytes from `at` on, as many as a Word has, in the order of this machine.
template <class Word>
uint64_t word_at(const char* at) {
  Word bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

}  // namespace sluice
