// Smooth weighted turns (nginx's algorithm of 2012): over any run of sum(weights) turns each candidate gets
// its weight in turns, spread out and not in bunches.
#pragma once

#include <sluice/balance/policy.h>

#include <vector>

namespace sluice::balance {

class Turns {
 public:
  /// Among equals the first one looked at wins; `start` is where to look first.
  explicit Turns(size_t start) : start_(start) {}

  /// The next of those that `takes` lets through, by index; nothing when it lets none. One pass.
  template <class Takes>
  std::optional<size_t> next(std::span<const Candidate> candidates, Takes takes) {
    const size_t count = candidates.size();
    if (count == 0) return std::nullopt;
    if (current_.size() != count) current_.assign(count, 0);
    const size_t first = start_ % count;
    std::optional<size_t> best;
    int64_t total = 0;
    int64_t all = 0;
    for (size_t step = 0; step < count; ++step) {
      const size_t i = first + step < count ? first + step : first + step - count;
      all += candidates[i].weight;
      if (!takes(candidates[i])) continue;
      current_[i] += candidates[i].weight;
      total += candidates[i].weight;
      if (!best || current_[i] > current_[*best]) best = i;
    }
    if (!best) return best;
    if (all != all_) rescale(all);
    current_[*best] -= total;
    return best;
  }
  void reset() { current_.clear(); }

 private:
  /// Weights have changed, or their unit: what is owed by the old ones would be a burst by smaller new ones.
  void rescale(int64_t all) {
    if (all < all_) {
      for (int64_t& current : current_) current = current * all / all_;
    }
    all_ = all;
  }

  size_t start_;
  int64_t all_ = 0;  // the sum of the weights by which current_ is
  std::vector<int64_t> current_;
};

inline bool is_available(const Candidate& candidate) {
  return candidate.available;
}

}  // namespace sluice::balance
