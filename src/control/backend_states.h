// What is known of each backend, carried from generation to generation by pool and address.
#pragma once

#include <sluice/config/config.h>
#include <sluice/proxy/generation.h>
#include <sluice/upstream/backend_state.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sluice::control {

using BackendStatePtr = std::shared_ptr<upstream::BackendState>;

/// Of a backend that is in the generation (null: none yet); else null.
BackendStatePtr known_state(const proxy::Generation* generation, const std::string& pool,
                            const Address& address);

/// Those of `current` whose drain `next` takes back: another instance may be there by now.
std::vector<BackendStatePtr> undrained(const proxy::Generation* current, const config::Config& next);
/// Those of `current` that `next` drains and it does not.
std::vector<BackendStatePtr> drained(const proxy::Generation* current, const config::Config& next);

/// Control's.
class BackendStates {
 public:
  using ByPool = std::map<std::string, proxy::Generation::States, std::less<>>;

  /// A backend that goes on keeps its state; one that comes begins anew. One that comes back while requests
  /// of its former time are still in flight finds those counted, so that a drain is a barrier for them too.
  ByPool states_for(const config::Config& next, const proxy::Generation* current);

  /// Of a backend that has left, as long as something is in flight to it; else null.
  BackendStatePtr former(const std::string& pool, const Address& address) const;

 private:
  std::map<std::pair<std::string, Address>, std::weak_ptr<upstream::BackendState>> former_;
};

}  // namespace sluice::control
