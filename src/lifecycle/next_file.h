// A reload's file: read, validated and held against what runs; and the access log that it names.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/observe/access_log.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::lifecycle {

/// Shares with `current` what did not change. An error when it is invalid, or changes what needs a restart.
Result<config::Config> load_next(const std::string& path, const config::Config& current);

/// Where requests are logged; null for nowhere. Errors name the file of the configuration.
Result<std::shared_ptr<observe::AccessSink>> open_access_log(const std::optional<config::AccessLog>& wanted,
                                                             const std::string& config_path);

/// Into the log: a line each, but bounded.
void tell_differences(const std::vector<std::string>& differences, Log& log);

}  // namespace sluice::lifecycle
