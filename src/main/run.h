// The subcommands that do more than talk to the admin socket.
#pragma once

#include <sluice/base/error.h>

#include <string>

namespace sluice {

/// Whether to take over from a running process.
struct TakeoverFrom {
  enum class From { nobody, whoever_is_there, this_one };
  From from = From::nobody;
  std::string socket{};  ///< of this one
};

/// Prints what went wrong on stderr; the exit code for it.
int fail(const Error& error);
/// Runs the proxy in the foreground until it is stopped, or until another process has taken over; the exit
/// code.
/// `program` is what starts a new process like this one.
int run(const std::string& program, const std::string& config_path, const TakeoverFrom& wish);
/// Validates a configuration and prints what it would do; the exit code.
int check(const std::string& config_path);
/// Three demo instances and the proxy in one process, until a signal comes; the exit code.
int run_demo();

}  // namespace sluice
