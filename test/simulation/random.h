// A small, fast random number generator (splitmix64): the same numbers from the same seed everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// 0 to below `bound`.
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
  bool chance(size_t in_a_hundred) { return below(100) < in_a_hundred; }
  /// 1 to `most`, and `most` half of the time.
  size_t piece(size_t most) { return chance(50) ? most : 1 + below(most); }

 private:
  uint64_t state_;
};

}  // namespace sluice::simulation
