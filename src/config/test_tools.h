// What the tests of this folder share: a file's text in, a Config or its problems' text out.
#pragma once

#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::config {

/// The smallest useful file.
inline constexpr std::string_view kSmallest =
    "[[listener]]\n"
    "bind = \"127.0.0.1:8080\"\n"
    "[pool.shop]\n"
    "backends = [\"127.0.0.1:9001\"]\n";

inline std::vector<std::string> texts(const Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(problem.text());
  return lines;
}

/// The Config of a file that must be valid.
inline Config valid(std::string_view toml) {
  auto parsed = parse(toml, "s.toml");
  if (const auto* problems = std::get_if<Problems>(&parsed)) FAIL(as_error(*problems).message);
  return std::get<Config>(std::move(parsed));
}

/// The problems of a file that must be refused.
inline std::vector<std::string> problems_of(std::string_view toml) {
  const auto parsed = parse(toml, "s.toml");
  const auto* problems = std::get_if<Problems>(&parsed);
  return problems == nullptr ? std::vector<std::string>{} : texts(*problems);
}

/// The one problem of such a file, or all of them, a line each.
inline std::string problem_of(std::string_view toml) {
  std::string all;
  for (const std::string& text : problems_of(toml)) all += (all.empty() ? "" : "\n") + text;
  return all;
}

struct Mistake {
  std::string_view toml;
  std::string problem;  ///< after the file's name
};

/// Each mistake, in a file that is fine otherwise, makes exactly its problem and no other.
inline void check(std::string_view before, const std::vector<Mistake>& mistakes, std::string_view after) {
  for (const auto& [toml, problem] : mistakes) {
    CAPTURE(toml);
    const std::string file = std::string(before) + "\n" + std::string(toml) + "\n" + std::string(after);
    CHECK(problem_of(file) == "s.toml:" + problem);
  }
}

}  // namespace sluice::config
