#include "balance/random_two.h"

#include <sluice/base/check.h>

namespace sluice::balance {
namespace {

constexpr size_t kNone = SIZE_MAX;
constexpr double kClearly = 0.75;

/// `fair`: the weight on average. What is in flight counts by weight, but a latency does not: a large backend
/// is no quicker than a small one.
double cost(const Candidate& candidate, double fair, TimePoint now) {
  const double queue = candidate.in_flight * fair / candidate.weight;
  return candidate.latency.at(now) * (queue + 1);
}

}  // namespace

/// An available one but `except`, each as likely as its part of `total` weights.
size_t RandomTwo::draw(std::span<const Candidate> candidates, uint64_t total, size_t except) {
  uint64_t left = random_.below(total);
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!candidates[i].available || i == except) continue;
    if (left < candidates[i].weight) return i;
    left -= candidates[i].weight;
  }
  CHECK(false);
  return 0;
}

std::optional<size_t> RandomTwo::choose(std::span<Candidate> candidates, const Request& request) {
  uint64_t total = 0;
  size_t available = 0;
  for (const Candidate& candidate : candidates) {
    if (!candidate.available) continue;
    total += candidate.weight;
    ++available;
  }
  if (available == 0) return std::nullopt;
  const size_t first = draw(candidates, total, kNone);
  if (available == 1) return first;
  const size_t second = draw(candidates, total - candidates[first].weight, first);
  const double fair = static_cast<double>(total) / static_cast<double>(available);
  // The first was drawn by weight: it stays unless the other is clearly better, or noise would decide.
  const double most = kClearly * cost(candidates[first], fair, request.now);
  return cost(candidates[second], fair, request.now) < most ? second : first;
}

}  // namespace sluice::balance
