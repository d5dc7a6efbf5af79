// In turn, by weight.
#pragma once

#include <sluice/balance/policy.h>

#include "balance/turns.h"

namespace sluice::balance {

class RoundRobin final : public Policy {
 public:
  explicit RoundRobin(uint64_t seed = 0) : turns_(seed) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request&) override {
    return turns_.next(candidates, is_available);
  }
  void reset() override { turns_.reset(); }

 private:
  Turns turns_;
};

}  // namespace sluice::balance
