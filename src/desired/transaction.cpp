#include <sluice/base/text.h>
#include <sluice/desired/transaction.h>

#include <set>
#include <string>

namespace sluice::desired {
namespace {

constexpr size_t kMostEdits = 10'000;

Error conflict(const std::string& what, std::string_view why) {
  return {.code = ErrorCode::conflict, .message = concat({"nothing was changed: ", what, why})};
}

std::string name_of(const BackendKey& key) {
  return concat({"backend ", key.first, " ", key.second.text()});
}

std::string name_of(const std::string& route) {
  return concat({"route ", route});
}

std::string name_of_pool(const std::string& pool) {
  return concat({"pool ", pool});
}

/// What edits name, each once.
struct Touched {
  explicit Touched(const std::vector<Edit>& edits) {
    for (const Edit& edit : edits) {
      if (const auto* backend = std::get_if<BackendEdit>(&edit)) backends.insert(backend->key);
      if (const auto* route = std::get_if<RouteEdit>(&edit)) routes.insert(route->route);
      if (const auto* pause = std::get_if<PauseEdit>(&edit)) pools.insert(pause->pool);
    }
  }
  /// The first that is not the same in both; empty when all are.
  std::string difference(const DesiredState& one, const DesiredState& other) const {
    for (const BackendKey& key : backends) {
      if (one.backend(key) != other.backend(key)) return name_of(key);
    }
    for (const std::string& route : routes) {
      if (one.split(route) != other.split(route)) return name_of(route);
    }
    for (const std::string& pool : pools) {
      if (one.pause(pool) != other.pause(pool)) return name_of_pool(pool);
    }
    return "";
  }
  std::set<BackendKey> backends;
  std::set<std::string> routes;
  std::set<std::string> pools;
};

std::string name_of(const Edit& edit) {
  if (const auto* backend = std::get_if<BackendEdit>(&edit)) return name_of(backend->key);
  if (const auto* pause = std::get_if<PauseEdit>(&edit)) return name_of_pool(pause->pool);
  return name_of(std::get<RouteEdit>(edit).route);
}

}  // namespace

Result<bool> Transaction::add(Edit edit) {
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
  const Touched touched(edits_);
  if (const std::string other = touched.difference(state, base_); !other.empty()) {
    return conflict(other, " has been changed by another since begin");
  }
  for (const Edit& edit : edits_) {
    if (auto done = next.apply(edit); !done) {
      return conflict(name_of(edit), concat({": ", done.error().message}));
    }
  }
  const bool changed = !touched.difference(next, state).empty();
  state = std::move(next);
  return changed;
}

}  // namespace sluice::desired
