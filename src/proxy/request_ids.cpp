#include <sluice/proxy/request_ids.h>

#include <algorithm>
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

void write_hex(char* out, uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned i = 0; i < 16; ++i) out[i] = kDigits[(value >> (60U - 4 * i)) & 15U];
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
