// A client stays with its backend as long as that is available.
#pragma once

#include <sluice/balance/policy.h>

#include <utility>

namespace sluice::balance {

/// Goes before all that prefers some candidates to others: a session is worth more than its place.
class Sticky final : public Policy {
 public:
  explicit Sticky(std::unique_ptr<Policy> otherwise) : otherwise_(std::move(otherwise)) {}
  std::optional<size_t> choose(std::span<Candidate> candidates, const Request& request) override;
  void reset() override { otherwise_->reset(); }
  bool wants_load() const override { return otherwise_->wants_load(); }

 private:
  std::unique_ptr<Policy> otherwise_;
};

}  // namespace sluice::balance
