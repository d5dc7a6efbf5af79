#include <sluice/base/uri_path.h>
#include <sluice/proxy/path_rewrite.h>

#include <algorithm>

namespace sluice::proxy {
namespace {

std::string_view without_last_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

PathRewrite::PathRewrite(const config::Route& route)
    : is_needed_(route.strip_path || route.rewrite_path.has_value()),
      match_(route.path_match),
      ends_in_slash_(route.path.ends_with('/')),
      new_part_(route.rewrite_path.value_or("/")),
      new_part_size_(without_last_slashes(new_part_).size()) {
  std::string scratch;
  const std::string_view compared =
      match_ == config::PathMatch::raw ? route.path : normal_path(route.path, scratch);
  const std::string_view part = without_last_slashes(compared);
  size_ = part.size();
  segments_ = static_cast<size_t>(std::ranges::count(part, '/'));
}

void PathRewrite::append(std::string& out, const RequestPath& path) const {
  const std::string_view rest = path.raw.substr(size_in(path));
  // Just the route's path becomes just the new one. The slash of "/" cannot be left out by a client.
  const bool is_whole = rest.empty() || (rest == "/" && ends_in_slash_);
  out += is_whole ? new_part_ : std::string_view(new_part_).substr(0, new_part_size_);
  if (!is_whole) out += rest;
}

/// How long the route's part is as the client spelled it.
size_t PathRewrite::size_in(const RequestPath& path) const {
  const bool is_spelled_as_compared =
      match_ == config::PathMatch::raw || path.raw.data() == path.normal.data();
  return is_spelled_as_compared ? size_ : spelled_size(path.raw, segments_);
}

}  // namespace sluice::proxy
