#include "balance/least_requests.h"

namespace sluice::balance {
namespace {

/// What is compared, for the candidate's weight: half a request more than there are, as it is between not
/// being chosen and being chosen. Without the half the light ones would have too many, with a whole one too
/// few (it is Webster's method of apportionment). Idle ones are all alike.
uint64_t load(const Candidate& candidate) {
  return candidate.in_flight == 0 ? 0 : uint64_t{2} * candidate.in_flight + 1;
}

/// Whether `a` has fewer for its weight: a/w < b/v without a division.
bool has_fewer(const Candidate& a, const Candidate& b) {
  return load(a) * b.weight < load(b) * a.weight;
}

}  // namespace

std::optional<size_t> LeastRequests::choose(std::span<Candidate> candidates, const Request&) {
  const Candidate* least = nullptr;
  for (const Candidate& candidate : candidates) {
    if (candidate.available && (least == nullptr || has_fewer(candidate, *least))) least = &candidate;
  }
  return turns_.next(candidates, [least](const Candidate& candidate) {
    return candidate.available && !has_fewer(*least, candidate);
  });
}

}  // namespace sluice::balance
