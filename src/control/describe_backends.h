// The backends of a generation, as reports show them.
#pragma once

#include <sluice/control/server.h>
#include <sluice/upstream/monitor.h>

#include <string_view>
#include <vector>

namespace sluice::control {

/// As Server::backends().
std::vector<BackendInfo> describe_backends(const proxy::Generation& current, const upstream::Monitor& monitor,
                                           std::string_view pool);

}  // namespace sluice::control
