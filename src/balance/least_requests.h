// Chooses the backend with the fewest requests in flight for its weight.
#pragma once

#include <sluice/balance/policy.h>

#include "balance/turns.h"

namespace sluice::balance {

/// Those that have equally few take turns by weight: in a quiet pool that is all of them.
class LeastRequests final : public Policy {
 public:
  explicit LeastRequests(uint64_t seed) : turns_(seed) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  void reset() override { turns_.reset(); }
  bool wants_load() const override { return true; }

 private:
  Turns turns_;
};

}  // namespace sluice::balance
