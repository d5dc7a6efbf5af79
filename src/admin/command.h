// One line of the admin protocol, taken apart. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::admin {

struct Command {
  std::vector<std::string> words;                           ///< "backend", "add", "shop", ...
  std::map<std::string, std::string, std::less<>> options;  ///< "--wait" -> "30s"; flags have an empty value
  bool json = false;
  std::string text{};  ///< as it came, with one space between words

  bool has(std::string_view option) const { return options.contains(option); }
  std::string_view option(std::string_view name) const {
    const auto found = options.find(name);
    return found == options.end() ? std::string_view() : std::string_view(found->second);
  }
};

/// The answer to a command whose words are wrong.
Error usage(std::string message);

/// Takes a line apart: words, `--flag`, `--option value` and `--option=value`. Which options take a value is
/// known here for all commands.
Result<Command> parse_command(std::string_view line);

}  // namespace sluice::admin
