// Several edits that take effect together or not at all. Pure.
#pragma once

#include <sluice/desired/desired_state.h>

#include <vector>

namespace sluice::desired {

/// Nothing is locked meanwhile: others may change what they like, and what this one names has to be as it was
/// when it is committed.
class Transaction {
 public:
  /// `state` as it is when the transaction begins.
  explicit Transaction(const DesiredState& state) : base_(state), draft_(state) {}

  /// As DesiredState::apply, of the state with all that came before.
  Result<bool> add(Edit edit);
  size_t size() const { return edits_.size(); }
  const std::vector<Edit>& edits() const { return edits_; }

  /// Does all of it; the answer is whether any backend or route is different then. An error of code conflict,
  /// and nothing done, when one that it names is not as it was at the beginning.
  Result<bool> commit_to(DesiredState& state) const;

 private:
  DesiredState base_;
  DesiredState draft_;
  std::vector<Edit> edits_;
};

}  // namespace sluice::desired
