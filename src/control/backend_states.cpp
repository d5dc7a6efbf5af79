#include "control/backend_states.h"

#include <algorithm>

namespace sluice::control {

BackendStatePtr known_state(const proxy::Generation* generation, const std::string& pool,
                            const Address& address) {
  if (generation == nullptr || !generation->config().pools.contains(pool)) return nullptr;
  for (const auto& state : generation->states(pool)) {
    if (state->address() == address) return state;
  }
  return nullptr;
}

namespace {

enum class Drains { only_before, only_after };

/// Those that are in both, and drain in one of them.
std::vector<BackendStatePtr> changed(const proxy::Generation* current, const config::Config& next,
                                     Drains when) {
  const bool drains_after = when == Drains::only_after;
  std::vector<BackendStatePtr> states;
  if (current == nullptr) return states;
  for (const auto& [name, pool] : next.pools) {
    const auto found = current->config().pools.find(name);
    if (found == current->config().pools.end() || found->second == pool) continue;
    const auto& before = found->second->backends;
    const auto& draining = drains_after ? pool->backends : before;
    const auto& others = drains_after ? before : pool->backends;
    for (const auto& each : draining) {
      const auto is_it = [&](const auto& other) { return other.address == each.address && !other.drain; };
      if (!each.drain || std::ranges::none_of(others, is_it)) continue;
      states.push_back(known_state(current, name, each.address));
    }
  }
  return states;
}

}  // namespace

std::vector<BackendStatePtr> undrained(const proxy::Generation* current, const config::Config& next) {
  return changed(current, next, Drains::only_before);
}

std::vector<BackendStatePtr> drained(const proxy::Generation* current, const config::Config& next) {
  return changed(current, next, Drains::only_after);
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
      // Whether it is ejected, or draining as it says itself, is for the monitor to decide.
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

}  // namespace sluice::control
