// The subcommands that do more than talk to the admin socket.
#pragma once

#include <string>

namespace sluice {

/// Runs the proxy in the foreground until it is stopped; the exit code.
int run(const std::string& config_path);
/// Validates a configuration and prints what it would do; the exit code.
int check(const std::string& config_path);
/// Three demo instances and the proxy in one process, until a signal comes; the exit code.
int run_demo();

}  // namespace sluice
