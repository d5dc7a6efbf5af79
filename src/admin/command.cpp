#include "admin/command.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <array>

namespace sluice::admin {
namespace {

constexpr std::array<std::string_view, 14> kWithValue = {
    "--binary",       "--wait",     "--for",  "--weight", "--version", "--drain", "--if-revision",
    "--max-requests", "--priority", "--zone", "--since",  "--pool",    "--limit", "--made"};
constexpr std::array<std::string_view, 7> kFlags = {"--json",   "--failed", "--now", "--reset",
                                                    "--follow", "--back",   "--keep"};

Error unknown_option(const std::string& name) {
  std::vector<std::string_view> known;
  for (const auto option : kWithValue) known.push_back(option.substr(2));
  for (const auto option : kFlags) known.push_back(option.substr(2));
  const auto near = closest_match(std::string_view(name).substr(2), known);
  return usage(
      concat({"unknown option ", name,
              near ? concat({", did you mean --", *near, "?"}) : std::string("; `help` lists them")}));
}

}  // namespace

Error usage(std::string message) {
  return {.code = ErrorCode::usage, .message = std::move(message)};
}

Result<Command> parse_command(std::string_view line) {
  Command command;
  const auto words = split_words(line);
  for (const auto word : words) command.text += concat({command.text.empty() ? "" : " ", word});
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
      return unknown_option(name);
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
