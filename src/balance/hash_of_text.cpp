// SipHash-2-4, after the paper of Aumasson and Bernstein (2012).
#include <sluice/balance/hash.h>

#include <bit>
#include <cstddef>

namespace sluice::balance {
namespace {

struct Sip {
  uint64_t a, b, c, d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void take(uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

/// Little endian, whatever the machine is.
uint64_t word_of(std::string_view bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    word |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return word;
}

}  // namespace

uint64_t hash(std::string_view text, HashKey key) {
  Sip sip{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
          key.high ^ 0x7465646279746573};
  const auto last = static_cast<uint64_t>(text.size()) << 56;
  for (; text.size() >= 8; text.remove_prefix(8)) sip.take(word_of(text.substr(0, 8)));
  sip.take(last | word_of(text));
  sip.c ^= 0xff;
  for (int i = 0; i < 4; ++i) sip.round();
  return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

HashKey hash_key(std::string_view secret) {
  return {.low = hash(secret, {.low = 1}), .high = hash(secret, {.low = 2})};
}

}  // namespace sluice::balance
