// Backends that are near go before those that are far.
#pragma once

#include <sluice/balance/policy.h>

#include <utility>

#include "balance/share.h"

namespace sluice::balance {

/// Chooses among the local ones while enough of them are available, else among the others, too.
class Zone final : public Policy {
 public:
  Zone(unsigned enough, uint64_t seed, std::unique_ptr<Policy> within)
      : enough_(enough), dice_(2, seed), within_(std::move(within)) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  void reset() override { within_->reset(); }
  bool wants_load() const override { return within_->wants_load(); }

 private:
  unsigned enough_;
  Dice dice_;
  std::unique_ptr<Policy> within_;
};

}  // namespace sluice::balance
