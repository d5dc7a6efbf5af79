#include "admin/sent_lines.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <filesystem>

namespace sluice::admin {

Result<std::string> with_whole_paths(std::string_view line, const std::string& directory) {
  constexpr std::string_view kOption = "--binary";
  constexpr std::string_view kWithEquals = "--binary=";
  const auto words = split_words(line);
  if (std::ranges::find(words, "upgrade") == words.end()) return std::string(line);
  std::string whole;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool has_equals = words[i].starts_with(kWithEquals);
    const bool follows = i > 0 && words[i - 1] == kOption;
    const std::string_view path = has_equals ? words[i].substr(kWithEquals.size()) : words[i];
    whole += whole.empty() ? "" : " ";
    if ((!has_equals && !follows) || path.empty() || path.starts_with('/')) {
      whole += words[i];
      continue;
    }
    // Symbolic links stay: what they lead to is looked up when the binary is started.
    const std::string absolute = (std::filesystem::path(directory) / path).lexically_normal().string();
    if (split_words(absolute).size() != 1 || split_words(absolute)[0] != absolute) {
      return Error{.code = ErrorCode::usage,
                   .message = concat({"a path with white space cannot be sent: \"", absolute,
                                      "\"; a symbolic link to it can"})};
    }
    whole += concat({has_equals ? kWithEquals : "", absolute});
  }
  return whole;
}

std::optional<Duration> wait_of(const Command& command) {
  if (!command.has("--wait")) return std::nullopt;
  const auto wait = config::parse_duration(command.option("--wait"));
  return wait ? std::optional(*wait) : std::nullopt;
}

std::string line_to_go_on_waiting(const Command& command, uint64_t made, Duration left) {
  std::string line;
  for (const auto& word : command.words) line += concat({line.empty() ? "" : " ", word});
  for (const auto& [option, value] : command.options) {
    // The generation of before the change was the newest one then.
    if (option == "--wait" || option == "--made" || option == "--if-revision") continue;
    line += option == "--json" ? concat({" ", option}) : concat({" ", option, "=", value});
  }
  return line + concat({" --wait=", config::duration_text(std::max(left, Duration{1})),
                        " --made=", std::to_string(made)});
}

}  // namespace sluice::admin
