// The rules that the sources keep, as pure functions: files in, findings out. A finding says where, what, and
// what to do about it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "source.h"

namespace sluice::tidy {

inline constexpr size_t kLongestFile = 500;     // lines
inline constexpr size_t kLongestFunction = 60;  // lines

using Findings = std::vector<std::string>;

/// Who may include whom, as the table of src/README.md says: rows "| `net/` | what lives there | base |".
class Layers {
 public:
  explicit Layers(std::string_view markdown);

  bool has(const std::string& folder) const { return allowed_.contains(folder); }
  /// Itself, base and what its row names.
  bool may_include(const std::string& folder, const std::string& other) const;
  /// What its row names, for messages.
  std::string named(const std::string& folder) const;
  const std::map<std::string, std::set<std::string>>& rows() const { return allowed_; }

 private:
  std::map<std::string, std::set<std::string>> allowed_;
};

/// Of the table alone: every folder has a row, and no two rows name each other.
Findings check_table(const Layers& layers, const std::vector<File>& files);

/// Of one file's includes: allowed by the table; other folders' private headers left alone; every outside
/// library in its home.
Findings check_includes(const Layers& layers, const File& file);

Findings check_file_length(const File& file);
Findings check_function_lengths(const File& file);

/// Every .cpp is named in the meson.build beside it; every header is included by more than its own .cpp.
Findings check_dead_files(const std::vector<File>& files);

}  // namespace sluice::tidy
