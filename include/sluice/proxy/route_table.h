// Which route takes a request: the most specific host, then the longest path prefix on whole segments. Pure.
#pragma once

#include <sluice/config/config.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::proxy {

/// Built once for a generation, read by all workers.
class RouteTable {
 public:
  explicit RouteTable(const std::vector<config::Route>& routes);

  /// The index of the route that takes it: an exact host before "*.suffix" (the longer suffix first) before
  /// any host; among the routes of that host the longest path prefix. A host none of whose routes has the
  /// path falls back to the less specific ones. `host` may carry a port, and its case does not matter.
  std::optional<size_t> match(std::string_view host, std::string_view path) const;

 private:
  struct Entry {
    std::string path;  ///< without the trailing '/'; empty matches every path
    size_t index;
  };
  using Entries = std::vector<Entry>;  // the longest path first

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using ByHost = std::unordered_map<std::string, Entries, Hash, std::equal_to<>>;

  static std::optional<size_t> match_path(const Entries& entries, std::string_view path);

  ByHost exact_;
  ByHost wildcard_;  // by the suffix with its dot: ".example"
  Entries any_;
};

/// What a route with strip_path asks the backend for: the target without the route's prefix, never empty.
std::string strip_prefix(std::string_view target, std::string_view prefix);

}  // namespace sluice::proxy
