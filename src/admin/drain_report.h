// What holds a generation, a backend or a pool that is to be empty, and what a drain or a pause answers that
// has waited in vain.
#pragma once

#include <sluice/base/wait.h>
#include <sluice/control/server.h>
#include <sluice/json/value.h>
#include <sluice/proxy/in_flight_info.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/reply.h"

namespace sluice::admin {

/// `  held_by client=127.0.0.1 ...`
std::string holder_line(const proxy::InFlightInfo& holder);
json::Value holder_json(const proxy::InFlightInfo& holder);

using BackendStates = std::vector<std::shared_ptr<upstream::BackendState>>;
/// As the counters say.
size_t in_flight(const BackendStates& backends);

/// Runs `on_end` once `is_over`; or once `bound` is over, and the workers have said what is in flight to
/// `backends`, or have not said so in time. Never before it has returned. On control's thread.
[[nodiscard]] Wait when_over(control::Server& server, Duration bound, std::function<bool()> is_over,
                             std::function<BackendStates()> backends,
                             std::function<void(const proxy::BackendUse&)> on_end);

/// What a command does, as its error says it.
struct Waited {
  std::string_view so_far;        ///< "it gets nothing new"
  std::string_view cuts_nothing;  ///< why tunnels stay that nothing cuts
};

/// The error of a command whose time is over, with what it has waited for.
Reply still_in_flight(const control::Server& server, const Waited& waited, const BackendStates& backends,
                      const proxy::BackendUse& use);

}  // namespace sluice::admin
