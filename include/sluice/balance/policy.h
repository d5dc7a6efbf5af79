// Which of the available backends is next. Pure: candidates in, a choice out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice::balance {

/// One backend as a policy sees it; its place in the span is its identity until reset().
struct Candidate {
  uint32_t weight = 1;
  bool available = true;  ///< false: not to be chosen this time
};

/// One pool's on one worker.
class Policy {
 public:
  virtual ~Policy() = default;
  /// The index of the choice; nothing when no candidate is available.
  virtual std::optional<size_t> choose(std::span<const Candidate> candidates) = 0;
  /// The candidates have changed places: indexes mean other backends from now on.
  virtual void reset() = 0;
};

/// Smooth weighted round robin: over any run of sum(weights) choices each candidate gets its weight in turns,
/// spread out and not in bunches (nginx's algorithm of 2012). One pass over the candidates a choice.
class RoundRobin final : public Policy {
 public:
  /// Workers start at different candidates, so that a few requests do not all go to the first.
  explicit RoundRobin(size_t start = 0) : start_(start) {}
  std::optional<size_t> choose(std::span<const Candidate> candidates) override;
  void reset() override { current_.clear(); }

 private:
  size_t start_;
  std::vector<int64_t> current_;
};

}  // namespace sluice::balance
