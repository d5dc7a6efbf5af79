// Small and fast random numbers (splitmix64): the same ones from the same seed. Not for secrets.
#pragma once

#include <cstdint>

namespace sluice::balance {

/// Every bit of the answer depends on every bit of `x`, and no two numbers have the same answer.
inline uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// From 0 to below 1.
inline double fraction(uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(mix(seed)) {}
  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }
  /// 0 to below `bound`, which is not 0.
  uint64_t below(uint64_t bound) { return next() % bound; }

 private:
  uint64_t state_;
};

}  // namespace sluice::balance
