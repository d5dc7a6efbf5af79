// The routes' part of the desired state: where an admin has sent their requests.
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/desired/desired_state.h>

#include <algorithm>

#include "desired/not_found.h"

namespace sluice::desired {
namespace {

using Split = std::vector<config::PoolShare>;

/// The pools that get requests; a single one gets all of them, whatever its weight.
Split in_effect(Split split) {
  std::erase_if(split, [](const auto& share) { return share.weight == 0; });
  if (split.size() == 1) split[0].weight = 1;
  return split;
}

Split sorted(Split split) {
  std::ranges::sort(split, {}, &config::PoolShare::pool);
  return split;
}

}  // namespace

std::string words(const std::string& route, const Split& split) {
  std::string text = concat({"route ", route, " split"});
  for (const auto& [pool, weight] : split) text += concat({" ", pool, "=", std::to_string(weight)});
  return text;
}

const config::Route* DesiredState::route_in_file(std::string_view name) const {
  const auto found = std::ranges::find(file_->routes, name, &config::Route::name);
  return name.empty() || found == file_->routes.end() ? nullptr : &*found;
}

Split DesiredState::split(const std::string& route) const {
  const auto change = changes_.routes.find(route);
  if (change != changes_.routes.end() && inactive_reason(route).empty()) return in_effect(change->second);
  const config::Route* in_file = route_in_file(route);
  return in_file == nullptr ? Split() : in_effect(config::shares(*in_file));
}

std::string DesiredState::inactive_reason(const std::string& route) const {
  const config::Route* in_file = route_in_file(route);
  if (in_file == nullptr) return concat({"no route \"", route, "\""});
  if (!in_file->has_pool()) return concat({"route \"", route, "\" leads to no pool"});
  const auto change = changes_.routes.find(route);
  if (change == changes_.routes.end()) return "";
  for (const auto& [pool, weight] : change->second) {
    if (!file_->pools.contains(pool)) return concat({"no pool \"", pool, "\""});
  }
  return "";
}

void DesiredState::apply_routes(config::Config& config) const {
  for (config::Route& route : config.routes) {
    const auto change = changes_.routes.find(route.name);
    if (change == changes_.routes.end() || !inactive_reason(route.name).empty()) continue;
    route.pool.clear();
    route.split = change->second;
  }
}

void DesiredState::forget_routes_of_the_file() {
  if (redundant_ == RedundantChanges::keep) return;
  std::erase_if(changes_.routes, [this](const auto& entry) {
    const config::Route* in_file = route_in_file(entry.first);
    return in_file != nullptr && in_effect(config::shares(*in_file)) == in_effect(entry.second);
  });
}

Result<void> DesiredState::check_route(const RouteEdit& edit) const {
  const config::Route* in_file = route_in_file(edit.route);
  if (in_file == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& route : file_->routes) names.push_back(route.name);
    return not_found("route", edit.route, names);
  }
  if (!in_file->has_pool()) {
    return Error{.code = ErrorCode::usage,
                 .message = concat({"route \"", edit.route, "\" leads to no pool: it answers by itself"})};
  }
  for (const auto& [pool, weight] : edit.split) {
    if (auto known = check_pool(pool); !known) return known;
  }
  return {};
}

Result<bool> DesiredState::apply(const RouteEdit& edit) {
  if (auto known = check_route(edit); !known) return std::move(known).error();
  const Split before = split(edit.route);
  changes_.routes[edit.route] = sorted(edit.split);
  forget_routes_of_the_file();
  return before != split(edit.route);
}

}  // namespace sluice::desired
