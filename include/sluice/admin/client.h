// The command line's side of the admin socket.
#pragma once

#include <string>
#include <vector>

namespace sluice::admin {

/// Sends one command, prints its reply (data lines to stdout; an error, with all that it has to say, to
/// stderr) and returns the exit code. What is no command is refused here, without asking a server.
int run_command(const std::string& socket_path, const std::vector<std::string>& words);

/// The same for the commands on standard input, a line each, in one session: what stands between begin and
/// commit takes effect together. The first error ends it, and is the exit code. A script without its commit
/// is an error, and nothing of it is done.
int run_script(const std::string& socket_path, bool as_json);

/// Prints what is known of the commands that begin with these words; asks no server.
int print_help(std::vector<std::string> about);

}  // namespace sluice::admin
