#include "lifecycle/backend_states.h"

#include <algorithm>

namespace sluice::lifecycle {

BackendStatePtr known_state(const proxy::Generation* generation, const std::string& pool,
                            const Address& address) {
  if (generation == nullptr || !generation->config().pools.contains(pool)) return nullptr;
  for (const auto& state : generation->states(pool)) {
    if (state->address() == address) return state;
  }
  return nullptr;
}

std::vector<BackendStatePtr> undrained(const proxy::Generation* current, const config::Config& next) {
  std::vector<BackendStatePtr> states;
  if (current == nullptr) return states;
  for (const auto& [name, pool] : next.pools) {
    if (!pool->health.enabled) continue;
    const auto before = current->config().pools.find(name);
    if (before == current->config().pools.end()) continue;
    for (const auto& was : before->second->backends) {
      const auto is_back = [&](const auto& now) { return now.address == was.address && !now.drain; };
      if (!was.drain || std::ranges::none_of(pool->backends, is_back)) continue;
      states.push_back(known_state(current, name, was.address));
    }
  }
  return states;
}

BackendStates::ByPool BackendStates::states_for(const config::Config& next,
                                                const proxy::Generation* current) {
  std::erase_if(former_, [](const auto& entry) { return entry.second.expired(); });
  ByPool states;
  for (const auto& [name, pool] : next.pools) {
    auto& of_pool = states[name];
    for (const auto& backend : pool->backends) {
      auto state = known_state(current, name, backend.address);
      if (!state && (state = former(name, backend.address))) {
        state->set_health(upstream::HealthState::starting);
      }
      if (!state) state = std::make_shared<upstream::BackendState>(name, backend.address);
      former_[{name, backend.address}] = state;
      // What it is else, ejected or draining by its own word, is the monitor's to say.
      const bool is_new = state->health() == upstream::HealthState::starting;
      if (!pool->health.enabled && is_new) state->set_health(upstream::HealthState::healthy);
      of_pool.push_back(std::move(state));
    }
  }
  return states;
}

BackendStatePtr BackendStates::former(const std::string& pool, const Address& address) const {
  const auto found = former_.find({pool, address});
  return found == former_.end() ? nullptr : found->second.lock();
}

}  // namespace sluice::lifecycle
