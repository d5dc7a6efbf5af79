#include <sluice/base/text.h>
#include <sluice/lifecycle/transaction.h>

#include <set>

namespace sluice::lifecycle {
namespace {

constexpr size_t kMostEdits = 10'000;

Error conflict(const BackendKey& key, std::string_view why) {
  return {.code = ErrorCode::conflict,
          .message = concat({"nothing was changed: backend ", key.first, " ", key.second.text(), why})};
}

}  // namespace

Result<bool> Transaction::add(BackendEdit edit) {
  if (edits_.size() == kMostEdits) {
    return Error{
        .code = ErrorCode::failed,
        .message = concat({"more than ", std::to_string(kMostEdits), " changes in one transaction"})};
  }
  auto changed = draft_.apply(edit);
  if (changed) edits_.push_back(std::move(edit));
  return changed;
}

Result<bool> Transaction::commit_to(DesiredState& state) const {
  DesiredState next = state;
  std::set<BackendKey> touched;
  for (const BackendEdit& edit : edits_) touched.insert(edit.key);
  for (const BackendKey& key : touched) {
    if (state.backend(key) != base_.backend(key)) {
      return conflict(key, " has been changed by another since begin");
    }
  }
  for (const BackendEdit& edit : edits_) {
    if (auto done = next.apply(edit); !done) return conflict(edit.key, concat({": ", done.error().message}));
  }
  bool changed = false;
  for (const BackendKey& key : touched) changed = changed || next.backend(key) != state.backend(key);
  state = std::move(next);
  return changed;
}

}  // namespace sluice::lifecycle
