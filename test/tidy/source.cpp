#include "source.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace sluice::tidy {
namespace {

std::string read_file(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text;
  if (!file) return text;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) text.append(buffer, size);
  return text;
}

bool is_wanted(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".h" || extension == ".cpp" || extension == ".md" || path.filename() == "meson.build";
}

/// Where the literal or comment that begins at `begin` ends; `begin` when none does.
size_t end_of_literal(std::string_view text, size_t begin) {
  const auto after = [&](std::string_view closing, size_t from) {
    const size_t found = text.find(closing, from);
    return found == std::string_view::npos ? text.size() : found + closing.size();
  };
  const auto rest = text.substr(begin);
  if (rest.starts_with("//")) return std::min(text.find('\n', begin), text.size());
  if (rest.starts_with("/*")) return after("*/", begin + 2);
  if (rest.starts_with("R\"")) {
    const size_t open = text.find('(', begin);
    if (open == std::string_view::npos) return text.size();
    std::string closing(")");
    closing.append(text.substr(begin + 2, open - begin - 2)).append("\"");
    return after(closing, open);
  }
  const char quote = rest.front();
  const bool is_digit_separator = quote == '\'' && begin > 0 && std::isalnum(text[begin - 1]) != 0;
  if ((quote != '"' && quote != '\'') || is_digit_separator) return begin;
  for (size_t i = begin + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      return i + 1;
    }
  }
  return begin + 1;
}

}  // namespace

std::vector<File> read_tree(const std::string& root, const std::vector<std::string>& folders) {
  std::vector<File> files;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/" + folder, error)) {
      if (!entry.is_regular_file() || !is_wanted(entry.path())) continue;
      const std::string path = entry.path().string();
      files.push_back({path.substr(root.size() + 1), read_file(path)});
    }
  }
  std::ranges::sort(files, {}, &File::path);
  return files;
}

bool is_header(const File& file) {
  return file.path.ends_with(".h");
}

bool is_code(const File& file) {
  return is_header(file) || file.path.ends_with(".cpp");
}

bool is_test(const File& file) {
  const auto stem = stem_of(file.path);
  return file.path.starts_with("test/") || stem.ends_with("_test") || stem.starts_with("test_");
}

std::string folder_of(std::string_view path) {
  for (const std::string_view start : {"src/", "include/sluice/"}) {
    if (!path.starts_with(start)) continue;
    const auto rest = path.substr(start.size());
    const auto slash = rest.find('/');
    return slash == std::string_view::npos ? std::string() : std::string(rest.substr(0, slash));
  }
  return {};
}

std::string_view directory_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view stem_of(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.rfind('.'));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<Include> includes_of(std::string_view text) {
  constexpr std::string_view kInclude = "#include ";
  std::vector<Include> includes;
  size_t number = 0;
  for (auto line : lines_of(text)) {
    ++number;
    if (!line.starts_with(kInclude)) continue;
    line.remove_prefix(kInclude.size());
    const bool quoted = line.starts_with('"');
    const auto end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos) continue;
    includes.push_back({number, std::string(line.substr(1, end - 1)), quoted});
  }
  return includes;
}

std::string without_literals(std::string_view text) {
  std::string code(text);
  for (size_t i = 0; i < text.size();) {
    const size_t end = end_of_literal(text, i);
    for (size_t j = i; j < end; ++j) {
      if (code[j] != '\n') code[j] = ' ';
    }
    i = std::max(end, i + 1);
  }
  return code;
}

std::string at(const File& file, size_t line, std::string_view message) {
  return file.path + ":" + std::to_string(line) + ": " + std::string(message);
}

}  // namespace sluice::tidy
