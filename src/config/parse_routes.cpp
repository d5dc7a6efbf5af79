// [[route]]: which requests go to which pool.
#include <sluice/base/text.h>

#include <algorithm>

#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr size_t kLongestHost = 253;  // RFC 1035 2.3.4, as text

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestHost) return false;
  if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") != std::string_view::npos)
    return false;
  return name.front() != '.' && name.back() != '.' && name.find("..") == std::string_view::npos;
}

/// "shop.example", "*.example", or an IPv6 address in brackets; lower case.
bool is_route_host(std::string_view host) {
  if (host.starts_with("[")) return Address::parse(concat({host, ":1"})).has_value();
  if (host.starts_with("*.")) host.remove_prefix(2);
  return is_host_name(host);
}

/// What a request's path is compared with: "/api" and "/api/" mean the same.
std::string_view prefix(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

void parse_host(Reader& reader, std::string& host) {
  if (!reader.read("host", host)) return;
  host = to_lower(host);
  if (is_route_host(host)) return;
  reader.problem("host", "expected a host name such as \"shop.example\" or \"*.example\", without a port");
}

void parse_path(Reader& reader, std::string& path) {
  reader.read("path", path);
  if (path.starts_with('/') && path.find_first_of(" ?#") == std::string::npos) return;
  reader.expected("path", "a path that begins with \"/\", without spaces, \"?\" and \"#\"",
                  concat({"\"", path, "\""}));
}

void parse_pool_name(Reader& reader, const Config& config, std::string& name) {
  if (!reader.has("pool")) reader.problem("pool", "missing: expected the name of a pool");
  if (!reader.read("pool", name) || config.pools.contains(name)) return;
  std::vector<std::string_view> names;
  for (const auto& [known, pool] : config.pools) names.push_back(known);
  reader.problem("pool", concat({"there is no [pool.", name, "]", hint(name, names)}));
}

/// Nothing when something is wrong with it.
std::optional<Route> parse_route(Reader& reader, const Config& config) {
  const size_t problems_before = reader.report().problems.size();
  Route route;
  parse_host(reader, route.host);
  parse_path(reader, route.path);
  reader.read("strip_path", route.strip_path);
  parse_pool_name(reader, config, route.pool);
  reader.finish();
  if (reader.report().problems.size() > problems_before) return std::nullopt;
  return route;
}

}  // namespace

void parse_routes(Reader& root, Config& config) {
  for (Reader& reader : root.tables("route")) {
    auto route = parse_route(reader, config);
    if (!route) continue;
    const auto is_same = [&](const Route& other) {
      return other.host == route->host && prefix(other.path) == prefix(route->path);
    };
    if (std::ranges::any_of(config.routes, is_same)) {
      reader.problem("path", "another route has the same host and path already");
    }
    config.routes.push_back(*std::move(route));
  }
}

}  // namespace sluice::config
