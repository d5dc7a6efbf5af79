// Asks one backend how it is, once.
#pragma once

#include <sluice/base/wait.h>
#include <sluice/config/config.h>
#include <sluice/net/loop.h>
#include <sluice/upstream/health.h>

#include <functional>

namespace sluice::upstream {

/// Sends GET health.path on a connection of its own and judges the status: `expect` passed, 503 draining,
/// anything else, silence beyond health.timeout included, failed. Never calls back before it has returned.
[[nodiscard]] Wait probe(net::Loop& loop, const Address& address, const config::Health& health,
                         std::function<void(ProbeResult)> on_result);

}  // namespace sluice::upstream
