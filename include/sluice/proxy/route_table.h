// Which route takes a request: the most specific host, then the longest path prefix on whole segments, then
// what more it asks for. Pure.
#pragma once

#include <sluice/config/config.h>
#include <sluice/http/head.h>
#include <sluice/proxy/path_rewrite.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::proxy {

/// The path has an encoded NUL, and the route has matched its normal form: a backend that ends strings there
/// would see a shorter path than that.
bool hides_its_end(const config::Route& route, const RequestPath& path);

/// Built once for a generation, read by all workers.
class RouteTable {
 public:
  explicit RouteTable(const std::vector<config::Route>& routes);

  /// The index of the route that takes it: an exact host before "*.suffix" (the longer suffix first) before
  /// any host; among the routes of that host the longest path prefix; of the same path those that ask for
  /// a header and a cookie, then for one of them, then for none. A host none of whose routes takes it falls
  /// back to the less specific ones. `host` may carry a port, and its case does not matter. Without a head
  /// there are no fields.
  std::optional<size_t> match(std::string_view host, const RequestPath& path,
                              const http::RequestHead* head = nullptr) const;

 private:
  struct Entry {
    std::string path;  ///< as it is compared, without the trailing '/'; empty matches every path
    config::PathMatch path_match;
    size_t index;
    std::optional<config::FieldMatch> header;
    std::optional<config::FieldMatch> cookie;

    int conditions() const { return (header ? 1 : 0) + (cookie ? 1 : 0); }
    bool takes(const http::RequestHead* head) const;
  };
  using Entries = std::vector<Entry>;  // the longest path first, of one path the most conditions
  struct Query {
    RequestPath path;
    const http::RequestHead* head;
  };

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using ByHost = std::unordered_map<std::string, Entries, Hash, std::equal_to<>>;

  static std::optional<size_t> match_path(const Entries& entries, const Query& query);

  ByHost exact_;
  ByHost wildcard_;  // by the suffix with its dot: ".example"
  Entries any_;
};

}  // namespace sluice::proxy
