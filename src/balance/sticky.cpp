#include "balance/sticky.h"

#include <algorithm>

namespace sluice::balance {

std::optional<size_t> Sticky::choose(std::span<Candidate> candidates, const Request& request) {
  if (request.key) {
    const auto held = std::ranges::find(candidates, *request.key, &Candidate::id);
    const bool is_there = held != candidates.end() && (held->available || held->keeps_clients);
    if (is_there) return static_cast<size_t>(held - candidates.begin());
  }
  // Clients that lose the same backend must not all go to the same other one.
  return otherwise_->choose(candidates, {.now = request.now});
}

}  // namespace sluice::balance
