#include "balance/consistent_hash.h"

#include <algorithm>
#include <cmath>

#include "balance/random.h"

namespace sluice::balance {
namespace {

constexpr uint32_t kFew =
    8;  // So many in flight are no load, and a browser's parallel requests stay together.

/// What is known of all that are available.
struct Sums {
  double weight = 0;
  double in_flight = 0;
  uint32_t least_weight = UINT32_MAX;
  uint32_t most_weight = 0;
};

Sums sum(std::span<const Candidate> candidates) {
  Sums sums;
  for (const Candidate& candidate : candidates) {
    if (!candidate.available) continue;
    sums.weight += candidate.weight;
    sums.in_flight += candidate.in_flight;
    sums.least_weight = std::min(sums.least_weight, candidate.weight);
    sums.most_weight = std::max(sums.most_weight, candidate.weight);
  }
  return sums;
}

/// The least wins: as if each waited at random for its turn, the heavier the shorter. Without the weights,
/// when all are the same, there is no need of a logarithm.
double score(uint64_t key, const Candidate& candidate, bool by_weight) {
  const double drawn = 1 - fraction(mix(key ^ candidate.id));  // Above 0.
  return by_weight ? -std::log(drawn) / candidate.weight : -drawn;
}

}  // namespace

std::optional<size_t> ConsistentHash::choose(std::span<Candidate> candidates, const Request& request) {
  if (!request.key) return turns_.next(candidates, is_available);
  const Sums sums = sum(candidates);
  const bool by_weight = sums.least_weight < sums.most_weight;
  // With this request there will be one more. Some backend is always below the bound: all together are not
  // at it.
  const double bound = bound_ / 100.0 * (sums.in_flight + 1) / sums.weight;
  std::optional<size_t> best;
  double best_score = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    if (!candidate.available) continue;
    const bool is_loaded = bound_ != 0 && candidate.in_flight >= kFew;
    if (is_loaded && candidate.in_flight >= bound * candidate.weight) continue;
    const double its_score = score(*request.key, candidate, by_weight);
    if (best && its_score >= best_score) continue;
    best = i;
    best_score = its_score;
  }
  return best;
}

}  // namespace sluice::balance
