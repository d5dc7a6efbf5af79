// Backends that stand by for others.
#pragma once

#include <sluice/balance/policy.h>

#include <utility>

#include "balance/share.h"

namespace sluice::balance {

/// Chooses the first group that takes the request, then one of it.
class Priority final : public Policy {
 public:
  Priority(unsigned enough, uint64_t seed, std::unique_ptr<Policy> within)
      : enough_(enough), dice_(1, seed), within_(std::move(within)) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  void reset() override { within_->reset(); }
  bool wants_load() const override { return within_->wants_load(); }

 private:
  unsigned enough_;
  Dice dice_;
  std::unique_ptr<Policy> within_;
};

}  // namespace sluice::balance
