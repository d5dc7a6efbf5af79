// What a configuration wants of clients' connections.
#pragma once

#include <sluice/config/config.h>
#include <sluice/wire/server_context.h>

namespace sluice::proxy {

/// As its limits and timeouts say.
wire::ServerSettings server_settings(const config::Config& config);

}  // namespace sluice::proxy
