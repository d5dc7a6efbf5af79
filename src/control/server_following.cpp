// Control: what admins change at the active process reaches those that drain. A request that waits there for
// a backend can get a backend that is added here, and gets none that is drained here.
#include <algorithm>
#include <utility>

#include "control/server_impl.h"

namespace sluice::control {
namespace {

/// A pause belongs to one process: the state file does not keep it either.
desired::Changes told_changes(desired::Changes changes) {
  changes.pauses.clear();
  return changes;
}

}  // namespace

void Server::follow(const desired::SavedState& other) {
  Impl& impl = *impl_;
  if (!impl.stands_by && !impl.draining.has_begun()) return;
  desired::DesiredState next = impl.durable->desired();
  next.replace_changes(other.changes);
  if (next.changes() == impl.durable->desired().changes()) return;
  impl.durable->set_in_memory(std::move(next));
  impl.newest = std::max(impl.newest, other.generation - std::min<uint64_t>(other.generation, 1));
  impl.publish(impl.listening.sockets(), "followed");
}

Server::Follower Server::on_changes(std::function<void(const desired::SavedState&)> callback) {
  impl_->told.changes = told_changes(impl_->durable->desired().changes());
  auto follower =
      std::make_shared<const std::function<void(const desired::SavedState&)>>(std::move(callback));
  impl_->followers.push_back(follower);
  return follower;
}

void Server::Impl::notify_followers() {
  std::erase_if(followers, [](const auto& each) { return each.expired(); });
  if (followers.empty()) return;
  desired::Changes changes = told_changes(durable->desired().changes());
  if (told.changes == changes) return;
  told = {.generation = newest, .changes = std::move(changes)};
  for (const auto& each : followers) {
    if (const auto follower = each.lock()) (*follower)(told);
  }
}

}  // namespace sluice::control
