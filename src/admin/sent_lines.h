// What the client makes of a command before it sends it: paths as the server can read them, and the command
// that goes on waiting in another process. Pure, but for the directory that relative paths begin at.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admin/command.h"

namespace sluice::admin {

/// The line with an absolute path behind --binary: the server's directory is not the client's. An error when
/// that path has white space, which a line cannot carry.
Result<std::string> with_whole_paths(std::string_view line, const std::string& directory);

/// How long the command waits for what it has changed; nothing when it does not.
std::optional<Duration> wait_of(const Command& command);

/// The command that changes nothing and waits, so long, for what the same one has changed in generation
/// `made`.
std::string line_to_go_on_waiting(const Command& command, uint64_t made, Duration left);

}  // namespace sluice::admin
