// The command line's side of the admin socket.
#pragma once

#include <string>
#include <vector>

namespace sluice::admin {

/// Sends one command, prints its reply (data lines to stdout, an error to stderr) and returns the exit code.
int run_command(const std::string& socket_path, const std::vector<std::string>& words);

/// The same for the commands on standard input, a line each, in one session: what stands between begin and
/// commit takes effect together. The first error ends it, and is the exit code.
int run_script(const std::string& socket_path);

}  // namespace sluice::admin
