// A reload's file: read, validated and held against what runs.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <string>
#include <vector>

namespace sluice::control {

/// Shares with `current` what did not change. An error when it is invalid, or changes what needs a restart.
Result<config::Config> load_next(const std::string& path, const config::Config& current);

/// Into the log: a line each, but bounded.
void log_differences(const std::vector<std::string>& differences, Log& log);

}  // namespace sluice::control
