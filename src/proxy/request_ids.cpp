#include <sluice/proxy/request_ids.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace sluice::proxy {
namespace {

uint64_t random_start() {
  std::random_device device;
  return (uint64_t{device()} << 32U) | device();
}

/// splitmix64's finaliser: neighbours look nothing alike.
uint64_t mixed(uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

/// Eight digits at once: each of the number's nibbles becomes a byte, then a letter or a digit. One id is
/// made for each request.
void write_eight_digits(char* out, uint32_t value) {
  constexpr uint64_t kEach = 0x0101010101010101;
  uint64_t nibbles = value;
  nibbles = (nibbles << 16U | nibbles) & 0x0000ffff0000ffffU;
  nibbles = (nibbles << 8U | nibbles) & 0x00ff00ff00ff00ffU;
  nibbles = (nibbles << 4U | nibbles) & 0x0f0f0f0f0f0f0f0fU;
  const uint64_t is_letter = (nibbles + 6 * kEach) >> 4U & kEach;
  uint64_t digits = nibbles + '0' * kEach + is_letter * ('a' - '0' - 10);
  if constexpr (std::endian::native == std::endian::little) digits = __builtin_bswap64(digits);
  std::memcpy(out, &digits, sizeof digits);
}

void write_hex(char* out, uint64_t value) {
  write_eight_digits(out, static_cast<uint32_t>(value >> 32U));
  write_eight_digits(out + 8, static_cast<uint32_t>(value));
}

}  // namespace

RequestIds::RequestIds() : RequestIds(random_start(), random_start()) {}

RequestIds::RequestIds(uint64_t prefix, uint64_t next) : next_(next) {
  write_hex(prefix_.data(), prefix);
}

std::string_view RequestIds::make(Text& text) {
  std::ranges::copy(prefix_, text.begin());
  write_hex(text.data() + prefix_.size(), mixed(next_++));
  return {text.data(), text.size()};
}

}  // namespace sluice::proxy
