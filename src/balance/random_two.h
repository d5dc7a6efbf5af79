// The better of two at random.
#pragma once

#include <sluice/balance/policy.h>

#include "balance/random.h"

namespace sluice::balance {

/// What one costs is its latency times what is in flight to it. Two at random rather than the best of all, so
/// that workers that know the same do not all run to the same backend (Mitzenmacher 2001).
class RandomTwo final : public Policy {
 public:
  explicit RandomTwo(uint64_t seed) : random_(seed) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  bool wants_load() const override { return true; }

 private:
  size_t draw(std::span<const Candidate> candidates, uint64_t total, size_t except);

  Random random_;
};

}  // namespace sluice::balance
