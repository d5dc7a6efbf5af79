// The parts of the file, each read by its own function into the part of Config that it describes.
#pragma once

#include "config/reader.h"

namespace sluice::config {

// Each takes its keys from `root`, the table of the whole file.
void parse_server(Reader& root, Server& server);
void parse_listeners(Reader& root, std::vector<Listener>& listeners);
void parse_pools(Reader& root, Config& config);
/// After the pools, which routes name.
void parse_routes(Reader& root, Config& config);
void parse_limits(Reader& root, Limits& limits);
void parse_timeouts(Reader& root, Timeouts& timeouts);

}  // namespace sluice::config
