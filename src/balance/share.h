// How much of the requests a group of candidates keeps when some of it are away.
#pragma once

#include <sluice/balance/policy.h>

#include <algorithm>

#include "balance/random.h"

namespace sluice::balance {

/// A group's weight.
struct Share {
  uint64_t available = 0;
  uint64_t all = 0;

  void add(const Candidate& candidate) {
    all += candidate.weight;
    if (candidate.available) available += candidate.weight;
  }
  /// From 0 to 1: all while `enough` percent of it are available, then falling with what is left.
  double kept(unsigned enough) const {
    if (available == 0) return 0;
    if (enough == 0) return 1;
    return std::min(1.0, static_cast<double>(available) * 100 / (static_cast<double>(all) * enough));
  }
};

/// Which requests those are: of a request with a key always the same ones, whatever worker asks.
class Dice {
 public:
  /// `layer` tells layers apart, which must not decide alike.
  Dice(uint64_t layer, uint64_t seed) : salt_(mix(layer)), random_(mix(seed) + layer) {}
  /// From 0 to below 1.
  double roll(const Request& request) {
    return fraction(request.key ? mix(*request.key ^ salt_) : random_.next());
  }

 private:
  uint64_t salt_;
  Random random_;
};

}  // namespace sluice::balance
