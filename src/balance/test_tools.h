// What the tests of this folder share: candidates in, letters out; and a small pool that carries requests.
#pragma once

#include <sluice/balance/policy.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "balance/random.h"

#include <doctest/doctest.h>

namespace sluice::balance {

/// With ids that are as good as hashes.
inline std::vector<Candidate> identified(std::vector<Candidate> candidates) {
  for (size_t i = 0; i < candidates.size(); ++i) {
    candidates[i].id = mix(i + 1);
  }
  return candidates;
}

/// So many of equal weight.
inline std::vector<Candidate> equals(size_t count) {
  return identified(std::vector<Candidate>(count));
}

/// A choice that leaves the candidates as they were.
inline std::optional<size_t> choose(Policy& policy, std::vector<Candidate> candidates,
                                    const Request& request = {}) {
  return policy.choose(candidates, request);
}

/// "aabacaa": what is chosen in turn; - for nothing.
inline std::string picks(Policy& policy, const std::vector<Candidate>& candidates, int count) {
  std::string picked;
  for (int i = 0; i < count; ++i) {
    const auto choice = choose(policy, candidates);
    picked += choice ? static_cast<char>('a' + *choice) : '-';
  }
  return picked;
}

/// Where each of the keys 0, 1, 2 ... goes in a pool at rest.
inline std::vector<size_t> places(Policy& policy, const std::vector<Candidate>& candidates, size_t keys) {
  std::vector<size_t> chosen;
  for (size_t key = 0; key < keys; ++key) {
    const auto choice = choose(policy, candidates, {.key = mix(key)});
    REQUIRE(choice);
    chosen.push_back(*choice);
  }
  return chosen;
}

/// Requests come, stay for a while, and end in no particular order.
class Pool {
 public:
  Pool(std::vector<Candidate> candidates, size_t at_a_time)
      : candidates_(std::move(candidates)), at_a_time_(at_a_time), served_(candidates_.size(), 0) {}

  void serve(Policy& policy, size_t requests, bool with_keys = false) {
    for (size_t i = 0; i < requests; ++i) {
      Request request;
      if (with_keys) request.key = random_.next();
      serve_one(policy, request);
    }
  }
  void serve_one(Policy& policy, const Request& request) {
    if (running_.size() >= at_a_time_) end_one();
    const auto choice = choose(policy, candidates_, request);
    REQUIRE(choice);
    ++candidates_[*choice].in_flight;
    ++served_[*choice];
    running_.push_back(*choice);
  }
  std::vector<Candidate>& candidates() { return candidates_; }
  const std::vector<uint64_t>& served() const { return served_; }
  void forget_served() { served_.assign(candidates_.size(), 0); }

  /// The farthest that a candidate's part is from what its weight says, in percent of that.
  double worst_error() const {
    double all = 0;
    double weights = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      all += static_cast<double>(served_[i]);
      weights += candidates_[i].weight;
    }
    double worst = 0;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      const double fair = all * candidates_[i].weight / weights;
      worst = std::max(worst, std::abs(static_cast<double>(served_[i]) - fair) / fair * 100);
    }
    return worst;
  }

 private:
  void end_one() {
    const size_t which = random_.below(running_.size());
    --candidates_[running_[which]].in_flight;
    running_[which] = running_.back();
    running_.pop_back();
  }

  std::vector<Candidate> candidates_;
  size_t at_a_time_;
  std::vector<uint64_t> served_;
  std::vector<size_t> running_;
  Random random_{1};
};

struct Named {
  std::string name;
  Settings settings;
  bool by_key = false;
};

/// Every kind of policy, as the file names it.
inline std::vector<Named> kinds() {
  return {{"round_robin", {.kind = Kind::round_robin}},
          {"least_requests", {.kind = Kind::least_requests}},
          {"random_two", {.kind = Kind::random_two}},
          {"hash", {.kind = Kind::hash}, true}};
}

}  // namespace sluice::balance
