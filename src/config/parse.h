// The parts of the file, each read by its own function.
#pragma once

#include "config/reader.h"

namespace sluice::config {

void parse_server(Reader root, Config& config);
void parse_listeners(const toml::node* node, Config& config, Report& report);
void parse_routes(const toml::node* node, Config& config, Report& report);
void parse_pools(const toml::node* node, Config& config, Report& report);
void parse_limits(Reader reader, Limits& limits);
void parse_timeouts(Reader reader, Timeouts& timeouts);

/// The tables of an array of tables ([[listener]]), each with its dotted path; a problem when it is none.
std::vector<Reader> tables_of(const toml::node* node, std::string_view key, Report& report);

}  // namespace sluice::config
