// The pauses' part of the desired state: which pools an admin has paused, for the moment.
#include <sluice/base/text.h>
#include <sluice/desired/desired_state.h>

namespace sluice::desired {

std::string words(const std::string& pool, const PauseChange& pause) {
  return concat({"pool ", pool, " paused", pause.until ? " for a time" : ""});
}

std::optional<PauseChange> DesiredState::pause(const std::string& pool) const {
  const auto found = changes_.pauses.find(pool);
  return found == changes_.pauses.end() ? std::nullopt : std::optional(found->second);
}

void DesiredState::apply_pauses(std::map<std::string, std::shared_ptr<config::Pool>, std::less<>>& changed,
                                const config::Config& config) const {
  for (const auto& [name, pause] : changes_.pauses) {
    auto& pool = changed[name];
    if (!pool) pool = std::make_shared<config::Pool>(*config.pools.find(name)->second);
    pool->pause = pause.until ? config::Pause::timed : config::Pause::until_resumed;
  }
}

void DesiredState::forget_pauses_of_lost_pools() {
  std::erase_if(changes_.pauses, [this](const auto& entry) { return !file_->pools.contains(entry.first); });
}

Result<bool> DesiredState::apply(const PauseEdit& edit) {
  if (auto known = check_pool(edit.pool); !known) return std::move(known).error();
  const auto before = pause(edit.pool);
  if (edit.pause) {
    changes_.pauses[edit.pool] = *edit.pause;
  } else {
    changes_.pauses.erase(edit.pool);
  }
  return before != edit.pause;
}

}  // namespace sluice::desired
