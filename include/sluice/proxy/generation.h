// One immutable snapshot of everything that routing needs, shared by all workers.
#pragma once

#include <sluice/base/gate.h>
#include <sluice/config/config.h>
#include <sluice/http/forwarding.h>
#include <sluice/proxy/route_table.h>
#include <sluice/proxy/split.h>
#include <sluice/upstream/backend_state.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::proxy {

/// What a route does to heads, made ready once.
struct RouteRules {
  http::FieldEdits request{};
  http::FieldEdits response{};
  PathRewrite path{config::Route{}};
};

/// Shared by control and the workers; nothing in it changes but each worker's gate, which only that worker
/// moves.
class Generation {
 public:
  using States = std::vector<std::shared_ptr<upstream::BackendState>>;

  /// `states`: for each pool its backends' states, in the order of its backends.
  Generation(uint64_t number, std::string cause, std::shared_ptr<const config::Config> config,
             std::map<std::string, States, std::less<>> states, unsigned workers);

  uint64_t number() const { return number_; }
  /// start, reload, admin, takeover, resolve; pause_over or stop, when that ends a pause
  const std::string& cause() const { return cause_; }
  const config::Config& config() const { return *config_; }
  const RouteTable& routes() const { return routes_; }
  const RouteRules& rules(size_t route) const { return rules_[route]; }
  const States& states(std::string_view pool) const;

  /// Requests that are inside; any thread.
  size_t in_flight() const;
  Gate& gate(unsigned worker) { return gates_[worker].gate; }

 private:
  struct alignas(64) WorkerGate {
    Gate gate;
  };
  uint64_t number_;
  std::string cause_;
  std::shared_ptr<const config::Config> config_;
  std::map<std::string, States, std::less<>> states_;
  RouteTable routes_;
  std::vector<RouteRules> rules_;  // by the route's index
  std::vector<WorkerGate> gates_;
};

}  // namespace sluice::proxy
