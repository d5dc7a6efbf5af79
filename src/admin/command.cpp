#include "admin/command.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <array>

namespace sluice::admin {
namespace {

constexpr std::array<std::string_view, 11> kWithValue = {
    "--binary",      "--wait",         "--for",      "--weight", "--version", "--drain",
    "--if-revision", "--max-requests", "--priority", "--zone",   "--since"};
constexpr std::array<std::string_view, 6> kFlags = {"--json",   "--now",  "--reset",
                                                    "--follow", "--back", "--keep"};

Error usage(std::string message) {
  return {.code = ErrorCode::usage, .message = std::move(message)};
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  Command command;
  const auto words = split_words(line);
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with("--")) {
      command.words.emplace_back(words[i]);
      continue;
    }
    const auto equals = words[i].find('=');
    const std::string name(words[i].substr(0, equals));
    if (std::ranges::find(kFlags, name) != kFlags.end()) {
      if (equals != std::string_view::npos) return usage(concat({name, " takes no value"}));
      command.options[name] = "";
    } else if (std::ranges::find(kWithValue, name) == kWithValue.end()) {
      return usage(concat({"unknown option ", name, "; `help` lists them"}));
    } else if (equals != std::string_view::npos) {
      command.options[name] = std::string(words[i].substr(equals + 1));
    } else if (i + 1 < words.size()) {
      command.options[name] = std::string(words[++i]);
    } else {
      return usage(concat({name, " needs a value"}));
    }
  }
  command.json = command.has("--json");
  if (command.words.empty()) return usage("no command; `help` lists them");
  return command;
}

}  // namespace sluice::admin
