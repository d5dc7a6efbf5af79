// The same key goes to the same candidate, as far as load allows.
#pragma once

#include <sluice/balance/policy.h>

#include "balance/turns.h"

namespace sluice::balance {

/// Weighted rendezvous hashing (Thaler and Ravishankar 1998): each candidate has a score for each key, the
/// best one takes it. Chosen over a ring and over Maglev's table since
/// - what moves is exactly what has to: one that leaves gives up its own keys alone, a changed weight its
/// difference,
/// - shares are exactly by weight, where a ring of 160 points a backend is some 10% off,
/// - there is no table: nothing to keep for each of a thousand pools on each worker (Maglev: 64 Ki entries),
/// nothing to build when a backend comes, leaves or warms up,
/// - the next best when the best is not available or too loaded falls out of the same pass.
/// Its price is a look at each candidate for a choice; the pool has to ask each whether it is available
/// anyway. Loads are bounded (Mirrokni, Thorup and Zadimoghaddam 2016): no backend has more in flight than
/// `bound` percent of its fair share, rounded up.
class ConsistentHash final : public Policy {
 public:
  ConsistentHash(unsigned bound, uint64_t seed) : bound_(bound), turns_(seed) {}
  /// Requests without a key take turns.
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  void reset() override { turns_.reset(); }
  bool wants_load() const override { return bound_ != 0; }

 private:
  unsigned bound_;
  Turns turns_;
};

}  // namespace sluice::balance
