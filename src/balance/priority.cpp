#include "balance/priority.h"

#include <array>

namespace sluice::balance {
namespace {

using Groups = std::array<Share, kPriorities>;

/// The group that takes the request: each its share of what the ones before have left, and whatever is left
/// in the end goes to the first group with an available backend.
size_t group_for(const Groups& groups, unsigned enough, double dice) {
  size_t first = kPriorities;
  for (size_t i = 0; i < kPriorities; ++i) {
    if (groups[i].available == 0) continue;
    if (first == kPriorities) first = i;
    const double kept = groups[i].kept(enough);
    if (dice < kept) return i;
    dice = (dice - kept) / (1 - kept);
  }
  return first;
}

}  // namespace

std::optional<size_t> Priority::choose(std::span<Candidate> candidates, const Request& request) {
  Groups groups;
  for (const Candidate& candidate : candidates) groups[candidate.priority].add(candidate);
  const size_t group = group_for(groups, enough_, enough_ == 0 ? 0 : dice_.roll(request));
  for (Candidate& candidate : candidates) {
    if (candidate.priority != group) candidate.available = false;
  }
  return within_->choose(candidates, request);
}

}  // namespace sluice::balance
