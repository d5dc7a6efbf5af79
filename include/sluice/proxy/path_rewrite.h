// The path that a backend is asked for, where a route changes it. Pure.
#pragma once

#include <sluice/config/config.h>

#include <string>
#include <string_view>

namespace sluice::proxy {

/// A request's path, without its query.
struct RequestPath {
  std::string_view raw;     ///< as the client spelled it
  std::string_view normal;  ///< normal_path(raw), which is what routes compare
};

/// What becomes of a route's part of the path: strip_path takes it away, rewrite_path puts another in its
/// place. What the client wrote behind it stays as it is spelled, and means the same behind the new part.
class PathRewrite {
 public:
  explicit PathRewrite(const config::Route& route);

  /// Whether the route changes paths at all.
  bool is_needed() const { return is_needed_; }
  /// `path` is one that the route takes. "/api" as "/v2" makes "/v2" of "/api" and "/v2/x" of "/api/x".
  void append(std::string& out, const RequestPath& path) const;

 private:
  size_t size_in(const RequestPath& path) const;

  bool is_needed_;
  config::PathMatch match_;
  size_t size_;           // of the route's part without the last '/', as it is compared
  size_t segments_;       // of the route's part
  bool ends_in_slash_;    // the route's part, as the file has it
  std::string new_part_;  // as the file has it
  size_t new_part_size_;  // of the new part without the last '/'
};

}  // namespace sluice::proxy
