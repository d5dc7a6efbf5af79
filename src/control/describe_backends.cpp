#include "control/describe_backends.h"

#include <utility>

namespace sluice::control {

std::vector<BackendInfo> describe_backends(const proxy::Generation& current, const upstream::Monitor& monitor,
                                           std::string_view pool) {
  std::vector<BackendInfo> infos;
  for (const auto& [name, settings] : current.config().pools) {
    if (!pool.empty() && pool != name) continue;
    const auto& states = current.states(name);
    for (size_t i = 0; i < states.size(); ++i) {
      const auto& backend = settings->backends[i];
      auto standing = monitor.health_record(*states[i]);
      infos.push_back(
          {.pool = name,
           .backend = backend,
           .state = states[i],
           .health = backend.drain ? "draining" : std::string(upstream::name(states[i]->health())),
           .cause = backend.drain ? "admin" : standing.cause,
           .standing = std::move(standing)});
    }
  }
  return infos;
}

}  // namespace sluice::control
