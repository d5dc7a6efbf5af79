// The configuration file, judged by all parts of the program that know something of it.
#pragma once

#include <sluice/config/load.h>

#include <string>
#include <variant>

namespace sluice::control {

/// As config::load, with the certificates that it names looked at, too.
std::variant<config::Config, config::Problems> load_config(const std::string& path, config::FileKind kind);

}  // namespace sluice::control
