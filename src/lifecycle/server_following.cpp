// Control: what admins change at the process that has taken over reaches those that drain. A request that
// waits there for a backend gets the one that is added here, and none that is drained here.
#include <algorithm>
#include <utility>

#include "lifecycle/server_impl.h"

namespace sluice::lifecycle {
namespace {

/// A pause is of one process, as in the state file.
Changes told_changes(Changes changes) {
  changes.pauses.clear();
  return changes;
}

}  // namespace

void Server::follow(const SavedState& other) {
  Impl& impl = *impl_;
  if (!impl.stands_by && !impl.stopping.has_begun()) return;
  DesiredState next = impl.durable->desired();
  next.replace_changes(other.changes);
  if (next.changes() == impl.durable->desired().changes()) return;
  impl.durable->assume(std::move(next));
  impl.newest = std::max(impl.newest, other.generation - std::min<uint64_t>(other.generation, 1));
  impl.publish(impl.listening.sockets(), "followed");
}

Server::Follower Server::on_changes(std::function<void(const SavedState&)> callback) {
  impl_->told.changes = told_changes(impl_->durable->desired().changes());
  auto follower = std::make_shared<const std::function<void(const SavedState&)>>(std::move(callback));
  impl_->followers.push_back(follower);
  return follower;
}

void Server::Impl::tell_followers() {
  std::erase_if(followers, [](const auto& each) { return each.expired(); });
  if (followers.empty()) return;
  Changes changes = told_changes(durable->desired().changes());
  if (told.changes == changes) return;
  told = {.generation = newest, .changes = std::move(changes)};
  for (const auto& each : followers) {
    if (const auto follower = each.lock()) (*follower)(told);
  }
}

}  // namespace sluice::lifecycle
