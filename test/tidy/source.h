// Source files as text, and the little that the rules need to know of C++.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::tidy {

struct File {
  std::string path;  ///< from the root of the project, as "src/net/loop.cpp"
  std::string text;
};

/// One #include.
struct Include {
  size_t line = 0;  ///< from 1
  std::string target;
  bool quoted = false;
};

/// Every .h, .cpp, meson.build and .md file below these folders of `root`, by path.
std::vector<File> read_tree(const std::string& root, const std::vector<std::string>& folders);

bool is_code(const File& file);
bool is_header(const File& file);
/// A unit test, or what unit tests share: not part of the product.
bool is_test(const File& file);

/// The folder X of src/X/... and include/sluice/X/...; empty for others.
std::string folder_of(std::string_view path);
/// "src/net" of "src/net/loop.cpp".
std::string_view directory_of(std::string_view path);
/// "loop" of "src/net/loop.cpp".
std::string_view stem_of(std::string_view path);

std::vector<std::string_view> lines_of(std::string_view text);
std::vector<Include> includes_of(std::string_view text);

/// The same lines with comments and the insides of literals blanked out.
std::string without_literals(std::string_view text);

/// "src/net/loop.cpp:12: message".
std::string at(const File& file, size_t line, std::string_view message);

}  // namespace sluice::tidy
