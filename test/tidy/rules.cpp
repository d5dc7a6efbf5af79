#include "rules.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::tidy {
namespace {

constexpr std::string_view kTable = "src/README.md";

/// An outside library and the only folder that may know it.
struct Home {
  std::string_view header;  ///< how its headers begin
  std::string_view folder;
};

constexpr std::array kHomes = {Home{"uv.h", "net"},      Home{"uv/", "net"},        Home{"llhttp.h", "http"},
                               Home{"nghttp2/", "http"}, Home{"toml++/", "config"}, Home{"ares", "resolve"},
                               Home{"openssl/", "tls"},  Home{"nlohmann/", "json"}};

std::vector<std::string> cells_of(std::string_view row) {
  std::vector<std::string> cells;
  row.remove_prefix(1);
  for (auto bar = row.find('|'); bar != std::string_view::npos; bar = row.find('|')) {
    std::string cell(row.substr(0, bar));
    std::erase_if(cell, [](char c) { return c == '`' || c == ','; });
    cells.push_back(cell);
    row.remove_prefix(bar + 1);
  }
  return cells;
}

std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : std::string(text) + " ") {
    if (c != ' ' && c != '/') {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  return words;
}

/// The folder whose header this is: <sluice/X/...> or "X/..."; empty for others.
std::string folder_of_include(const Layers& layers, const Include& include) {
  std::string_view target = include.target;
  constexpr std::string_view kPublic = "sluice/";
  if (target.starts_with(kPublic)) {
    target.remove_prefix(kPublic.size());
  } else if (!include.quoted) {
    return {};
  }
  std::string folder(target.substr(0, std::min(target.find('/'), target.size())));
  const bool is_public = target.size() < include.target.size();
  return is_public || layers.has(folder) ? folder : std::string();
}

/// Where an include of `file` leads, in the project.
std::string resolve(const File& file, const Include& include) {
  if (include.target.starts_with("sluice/")) return "include/" + include.target;
  if (!include.quoted) return {};
  if (include.target.find('/') != std::string::npos) return "src/" + include.target;
  return std::string(directory_of(file.path)) + "/" + include.target;
}

bool begins_namespace(std::string_view statement) {
  return statement.starts_with("namespace") || statement.starts_with("inline namespace") ||
         statement.starts_with("extern ");
}

}  // namespace

Layers::Layers(std::string_view markdown) {
  for (const auto line : lines_of(markdown)) {
    if (!line.starts_with("| `")) continue;
    const auto cells = cells_of(line);
    if (cells.size() != 3) continue;
    const auto names = words_of(cells[0]);
    if (names.size() != 1) continue;
    auto allowed = words_of(cells[2]);
    allowed.erase("-");
    allowed_[*names.begin()] = std::move(allowed);
  }
}

bool Layers::may_include(const std::string& folder, const std::string& other) const {
  if (other == folder || other == "base") return true;
  const auto row = allowed_.find(folder);
  return row != allowed_.end() && (row->second.contains(other) || row->second.contains("all"));
}

std::string Layers::named(const std::string& folder) const {
  std::string names = "base";
  const auto row = allowed_.find(folder);
  if (row == allowed_.end()) return names;
  for (const std::string& name : row->second) {
    if (name != "base") names += " " + name;
  }
  return names;
}

Findings check_table(const Layers& layers, const std::vector<File>& files) {
  Findings findings;
  std::set<std::string> missing;
  for (const File& file : files) {
    const std::string folder = folder_of(file.path);
    if (!folder.empty() && !layers.has(folder)) missing.insert(folder);
  }
  const File table{std::string(kTable), ""};
  for (const std::string& folder : missing) {
    findings.push_back(at(table, 1, "no row for `" + folder + "/`: add one that says what it may include"));
  }
  for (const auto& [folder, allowed] : layers.rows()) {
    for (const std::string& other : allowed) {
      if (other == "all" || !layers.may_include(other, folder) || folder == other) continue;
      if (other == "base" || folder == "base") continue;
      if (folder > other && layers.rows().at(other).contains(folder)) continue;  // Told once.
      findings.push_back(
          at(table, 1, "`" + folder + "/` and `" + other + "/` name each other: one direction must go"));
    }
  }
  const auto base = layers.rows().find("base");
  if (base != layers.rows().end() && !base->second.empty()) {
    findings.push_back(at(table, 1, "`base/` names other folders, which all include it: it may name none"));
  }
  return findings;
}

Findings check_includes(const Layers& layers, const File& file) {
  Findings findings;
  const std::string folder = folder_of(file.path);
  if (folder.empty()) return findings;
  for (const Include& include : includes_of(file.text)) {
    const auto told = [&](const std::string& message) {
      findings.push_back(at(file, include.line, "includes " + include.target + message));
    };
    const std::string other = folder_of_include(layers, include);
    if (!other.empty() && !layers.may_include(folder, other)) {
      told(", but `" + folder + "/` may include only " + layers.named(folder) +
           ": move the code, or change the table in " + std::string(kTable));
    } else if (!other.empty() && other != folder && include.quoted && !is_test(file)) {
      told(", a private header of `" + other + "/`: use what include/sluice/" + other + " offers");
    }
    for (const auto& [header, home] : kHomes) {
      if (!include.target.starts_with(header) || folder == home) continue;
      told(", whose one home is `" + std::string(home) + "/`: go through that folder");
    }
    if (include.target.starts_with("doctest/") && !is_test(file)) {
      told(": only *_test.cpp and test_*.h are tests");
    }
  }
  return findings;
}

Findings check_file_length(const File& file) {
  const size_t lines = lines_of(file.text).size();
  if (lines <= kLongestFile) return {};
  return {at(file, kLongestFile + 1,
             "has " + std::to_string(lines) + " lines, of at most " + std::to_string(kLongestFile) +
                 ": split it by idea")};
}

/// Namespaces do not indent here, so a function outside a class begins and ends in column 0; a class and an
/// initialiser end with "};".
Findings check_function_lengths(const File& file) {
  Findings findings;
  const std::string code = without_literals(file.text);
  std::string_view statement;
  size_t statement_line = 0;
  bool inside = false;
  size_t number = 0;
  for (auto line : lines_of(code)) {
    ++number;
    const auto last = line.find_last_not_of(' ');
    line = last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '}') {
      const size_t lines = number - statement_line + 1;
      if (inside && line == "}" && lines > kLongestFunction) {
        findings.push_back(at(file, statement_line,
                              "this function has " + std::to_string(lines) + " lines, of at most " +
                                  std::to_string(kLongestFunction) + ": give its steps names"));
      }
      inside = false;
      continue;
    }
    if (inside) continue;
    if (line.front() != ' ') {
      statement = line;
      statement_line = number;
    }
    inside = line.ends_with('{') && !begins_namespace(statement);
  }
  return findings;
}

Findings check_dead_files(const std::vector<File>& files) {
  Findings findings;
  std::map<std::string, std::string_view, std::less<>> builds;  // by directory
  std::set<std::string> used;
  for (const File& file : files) {
    if (file.path.ends_with("/meson.build")) builds[std::string(directory_of(file.path))] = file.text;
    for (const Include& include : includes_of(file.text)) {
      const std::string target = resolve(file, include);
      const bool is_own = file.path.ends_with(".cpp") && stem_of(target) == stem_of(file.path) &&
                          (folder_of(target) == folder_of(file.path) || folder_of(target).empty());
      if (!is_own) used.insert(target);
    }
  }
  for (const File& file : files) {
    if (is_header(file) && !used.contains(file.path)) {
      findings.push_back(at(file, 1, "nobody but its own .cpp includes it: use it, merge it or delete it"));
    }
    if (!file.path.ends_with(".cpp")) continue;
    std::string quoted("'");
    quoted.append(stem_of(file.path)).append(".cpp'");
    const auto build = builds.find(directory_of(file.path));
    if (build == builds.end() || build->second.find(quoted) == std::string_view::npos) {
      findings.push_back(at(file, 1, "is not built: name it in the meson.build beside it, or delete it"));
    }
  }
  return findings;
}

}  // namespace sluice::tidy
