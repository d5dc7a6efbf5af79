// The command line taken apart: what is Sluice's own in it, wherever it stands, and what is left.
#pragma once

#include <sluice/base/result.h>

#include <optional>
#include <string>
#include <vector>

#include "main/run.h"

namespace sluice {

struct Arguments {
  std::vector<std::string> words{};     ///< the command with its own options, in their order
  std::optional<std::string> socket{};  ///< of -s or --socket
  std::optional<std::string> config{};  ///< of -c or --config
  std::optional<TakeoverFrom> takeover{};
  bool wants_help = false;
};

/// An error of code usage when an option lacks its value.
Result<Arguments> parse_arguments(const std::vector<std::string>& given);

}  // namespace sluice
