// [[route]]: which requests go to which pool, or get which answer.
#include <sluice/base/text.h>
#include <sluice/base/uri_path.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

/// What a route does is said by one of these.
constexpr std::array<std::string_view, 3> kActions = {"pool", "redirect", "respond"};
/// About the way to a backend.
constexpr std::array<std::string_view, 5> kPoolOnly = {"strip_path", "rewrite_path", "rewrite_host",
                                                       "upgrade", "request_fields"};
/// Protocols that carry HTTP requests themselves.
constexpr std::array<std::string_view, 5> kHttpInside = {"h2c", "h2", "h3", "http", "tls"};

/// "shop.example", "*.example", or an IPv6 address in brackets; lower case.
bool is_route_host(std::string_view host) {
  if (host.starts_with("[")) return Address::parse(concat({host, ":1"})).has_value();
  if (host.starts_with("*.")) host.remove_prefix(2);
  return is_host_name(host);
}

/// What a request's path is compared with: "/api" and "/api/" mean the same, and so do all spellings of a
/// path.
std::string prefix(const Route& route) {
  std::string scratch;
  std::string_view path = route.path_match == PathMatch::raw ? route.path : normal_path(route.path, scratch);
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

void parse_host(Reader& reader, std::string& host) {
  if (!reader.read("host", host)) return;
  host = to_lower(host);
  if (is_route_host(host)) return;
  reader.problem("host", "expected a host name such as \"shop.example\" or \"*.example\", without a port");
}

void parse_path(Reader& reader, Route& route) {
  if (const auto word = reader.read_word("path_match", {"normalised", "raw"})) {
    route.path_match = static_cast<PathMatch>(*word);
  }
  std::string& path = route.path;
  reader.read("path", path);
  if (path.starts_with('/') && path.find_first_of(" ?#") == std::string::npos) return;
  reader.expected("path", "a path that begins with \"/\", without spaces, \"?\" and \"#\"",
                  concat({"\"", path, "\""}));
}

void parse_rewrites(Reader& reader, Route& route) {
  reader.read("strip_path", route.strip_path);
  if (std::string path; reader.read("rewrite_path", path)) {
    if (route.strip_path)
      reader.problem("rewrite_path", "not together with strip_path, which takes the prefix away");
    if (!path.starts_with('/') || !is_visible(path) || path.find_first_of("?#") != std::string::npos) {
      reader.expected("rewrite_path",
                      "a path that begins with \"/\", of visible ASCII without \"?\" and \"#\"",
                      concat({"\"", path, "\""}));
    }
    route.rewrite_path = std::move(path);
  }
  if (reader.read("rewrite_host", route.rewrite_host) && !is_authority(route.rewrite_host)) {
    reader.expected("rewrite_host", "a host, with or without a port, such as \"internal.example:8080\"",
                    concat({"\"", route.rewrite_host, "\""}));
  }
}

/// Why this protocol cannot be switched to; empty when it can.
std::string upgrade_problem(std::string_view protocol) {
  const auto slash = protocol.find('/');
  const auto word = protocol.substr(0, slash);
  if (!is_token(word) || (slash != std::string_view::npos && !is_token(protocol.substr(slash + 1)))) {
    return concat({"expected a protocol such as \"websocket\", got \"", protocol, "\""});
  }
  if (std::ranges::find(kHttpInside, word) == kHttpInside.end()) return {};
  return concat({"\"", protocol, "\" cannot be allowed: the requests in it would get past Sluice unseen"});
}

void parse_upgrade(Reader& reader, std::vector<std::string>& upgrade) {
  const auto given = reader.read_texts("upgrade", "protocols");
  if (reader.has("upgrade")) upgrade.clear();
  for (const Reader::Text& each : given) {
    std::string protocol = to_lower(each.text);
    std::string problem = upgrade_problem(protocol);
    if (problem.empty() && std::ranges::find(upgrade, protocol) != upgrade.end()) {
      problem = concat({"\"", protocol, "\" is named already"});
    }
    if (problem.empty()) {
      upgrade.push_back(std::move(protocol));
    } else {
      reader.problem(each, std::move(problem));
    }
  }
}

void parse_name(Reader& reader, std::string& name) {
  if (!reader.read("name", name) || is_name(name)) return;
  reader.problem("name", "expected a name of at most 100 letters, digits, '.', '_' and '-'");
}

void check_actions(Reader& reader) {
  std::string_view action;
  for (const auto key : kActions) {
    if (!reader.has(key)) continue;
    if (action.empty()) {
      action = key;
    } else {
      reader.problem(key,
                     concat({"not together with ", action, ": a route has one of pool, redirect, respond"}));
    }
  }
  if (action.empty()) {
    return reader.problem("pool", "missing: expected the name of a pool, or redirect or respond instead");
  }
  if (action == "pool") return;
  for (const auto key : kPoolOnly) {
    if (reader.has(key))
      reader.problem(key, concat({"only together with pool: ", action, " asks no backend"}));
  }
}

/// Nothing when something is wrong with it.
std::optional<Route> parse_route(Reader& reader, const Config& config) {
  const size_t problems_before = reader.report().problems.size();
  Route route;
  parse_name(reader, route.name);
  parse_host(reader, route.host);
  parse_path(reader, route);
  parse_match(reader, "header", route.header);
  parse_match(reader, "cookie", route.cookie);
  parse_pool_of_route(reader, config, route);
  parse_redirect(reader, route.redirect);
  parse_respond(reader, route.respond);
  parse_rewrites(reader, route);
  parse_upgrade(reader, route.upgrade);
  parse_fields(reader, "request_fields", route.request_fields);
  parse_fields(reader, "response_fields", route.response_fields);
  check_actions(reader);
  reader.finish();
  if (reader.report().problems.size() > problems_before) return std::nullopt;
  return route;
}

/// A header's name has no case.
bool is_same_match(const std::optional<FieldMatch>& one, const std::optional<FieldMatch>& other) {
  if (!one || !other) return one.has_value() == other.has_value();
  return equals_ignoring_case(one->name, other->name) && one->value == other->value;
}

}  // namespace

void parse_routes(Reader& root, Config& config) {
  std::unordered_map<std::string, std::vector<size_t>> by_place;  // by host and path
  std::unordered_set<std::string> names;
  for (Reader& reader : root.tables("route")) {
    auto route = parse_route(reader, config);
    if (!route) continue;
    auto& there = by_place[route->host + prefix(*route)];
    const auto is_same = [&](size_t index) {
      const Route& other = config.routes[index];
      return is_same_match(other.header, route->header) && other.cookie == route->cookie;
    };
    if (std::ranges::any_of(there, is_same)) {
      const bool has_condition = route->header || route->cookie;
      reader.problem("path", concat({"another route has the same host",
                                     has_condition ? ", path, header and cookie" : " and path", " already"}));
    }
    if (!route->name.empty() && !names.insert(route->name).second) {
      reader.problem("name", "another route has this name already");
    }
    there.push_back(config.routes.size());
    config.routes.push_back(*std::move(route));
  }
}

}  // namespace sluice::config
