#include "balance/zone.h"

#include <algorithm>

namespace sluice::balance {

std::optional<size_t> Zone::choose(std::span<Candidate> candidates, const Request& request) {
  const auto first = std::ranges::find_if(candidates, &Candidate::available);
  if (first == candidates.end()) return std::nullopt;
  Share near;
  Share far;
  for (const Candidate& candidate : candidates) {
    // By now all that are available are of one priority; how many of the others are away is no matter here.
    if (candidate.priority == first->priority) (candidate.is_local ? near : far).add(candidate);
  }
  if (near.available == 0 || far.available == 0) return within_->choose(candidates, request);
  const bool stays = dice_.roll(request) < near.kept(enough_);
  for (Candidate& candidate : candidates) {
    if (candidate.is_local != stays) candidate.available = false;
  }
  return within_->choose(candidates, request);
}

}  // namespace sluice::balance
