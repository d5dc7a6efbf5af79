#include <sluice/base/text.h>
#include <sluice/base/uri_path.h>
#include <sluice/http/lookup.h>
#include <sluice/proxy/route_table.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::proxy {
namespace {

constexpr size_t kLongestHost = 255;  // RFC 1035 2.3.4

bool is_met(const config::FieldMatch& wanted, std::optional<std::string_view> found) {
  return found && (!wanted.value || *found == *wanted.value);
}

}  // namespace

bool hides_its_end(const config::Route& route, const RequestPath& path) {
  if (route.path_match == config::PathMatch::raw || path.normal.data() == path.raw.data()) return false;
  return path.normal.find("%00") != std::string_view::npos;
}

RouteTable::RouteTable(const std::vector<config::Route>& routes) {
  for (size_t i = 0; i < routes.size(); ++i) {
    const config::Route& route = routes[i];
    std::string scratch;
    std::string path(route.path_match == config::PathMatch::raw ? route.path
                                                                : normal_path(route.path, scratch));
    while (path.ends_with('/')) path.pop_back();
    Entries& entries = route.host.empty()            ? any_
                       : route.host.starts_with("*") ? wildcard_[route.host.substr(1)]
                                                     : exact_[route.host];
    entries.push_back({std::move(path), route.path_match, i, route.header, route.cookie});
  }
  const auto sort = [](Entries& entries) {
    std::ranges::stable_sort(entries, std::ranges::greater{}, [](const Entry& entry) {
      return std::pair(entry.path.size(), entry.conditions());
    });
  };
  sort(any_);
  for (auto& [host, entries] : exact_) sort(entries);
  for (auto& [suffix, entries] : wildcard_) sort(entries);
}

std::optional<size_t> RouteTable::match(std::string_view host, const RequestPath& path,
                                        const http::RequestHead* head) const {
  const Query query{path, head};
  if (exact_.empty() && wildcard_.empty()) return match_path(any_, query);
  host = http::without_port(host);
  std::array<char, kLongestHost> lower;
  if (host.size() <= lower.size()) {
    std::ranges::transform(host, lower.begin(), ascii_lower);
    host = {lower.data(), host.size()};
    if (host.ends_with('.')) host.remove_suffix(1);  // a fully qualified name is the same host
    if (const auto found = exact_.find(host); found != exact_.end()) {
      if (const auto index = match_path(found->second, query)) return index;
    }
    // From the first dot on: the longest suffix comes first.
    for (auto dot = host.find('.', 1); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
      const auto found = wildcard_.find(host.substr(dot));
      if (found == wildcard_.end()) continue;
      if (const auto index = match_path(found->second, query)) return index;
    }
  }
  return match_path(any_, query);
}

bool RouteTable::Entry::takes(const http::RequestHead* head) const {
  if (conditions() == 0) return true;
  if (head == nullptr) return false;
  return (!header || is_met(*header, http::find_field(*head, header->name))) &&
         (!cookie || is_met(*cookie, http::find_cookie(*head, cookie->name)));
}

std::optional<size_t> RouteTable::match_path(const Entries& entries, const Query& query) {
  for (const Entry& entry : entries) {
    const auto path = entry.path_match == config::PathMatch::raw ? query.path.raw : query.path.normal;
    if (!path.starts_with(entry.path)) continue;
    // "*" of OPTIONS begins with no slash.
    const bool is_whole =
        path.size() == entry.path.size() || path[entry.path.size()] == '/' || entry.path.empty();
    if (is_whole && entry.takes(query.head)) return entry.index;
  }
  return std::nullopt;
}

}  // namespace sluice::proxy
