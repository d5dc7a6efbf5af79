#include <sluice/balance/policy.h>

namespace sluice::balance {

std::optional<size_t> RoundRobin::choose(std::span<const Candidate> candidates) {
  const size_t count = candidates.size();
  if (count == 0) return std::nullopt;
  if (current_.size() != count) current_.assign(count, 0);
  // Among equals the first one looked at wins; where a worker starts to look is its own.
  const size_t first = start_ % count;
  std::optional<size_t> best;
  int64_t total = 0;
  for (size_t step = 0; step < count; ++step) {
    const size_t i = first + step < count ? first + step : first + step - count;
    if (!candidates[i].available) continue;
    current_[i] += candidates[i].weight;
    total += candidates[i].weight;
    if (!best || current_[i] > current_[*best]) best = i;
  }
  if (best) current_[*best] -= total;
  return best;
}

}  // namespace sluice::balance
