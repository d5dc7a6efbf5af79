// What a valid configuration probably does not mean.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>

namespace sluice::config {
namespace {

bool is_used(const Config& config, const std::string& pool) {
  return std::ranges::any_of(config.routes, [&](const Route& route) {
    return route.pool == pool ||
           std::ranges::any_of(route.split, [&](const PoolShare& share) { return share.pool == pool; });
  });
}

/// `{client}` or `$remote_addr`: what other proxies put something in place of. Not JSON, which has quotes,
/// and not an amount.
std::string_view variable_in(std::string_view value) {
  constexpr std::string_view kOfName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.0123456789";
  constexpr std::string_view kFirst = kOfName.substr(0, kOfName.find('-'));
  for (size_t at = 0; (at = value.find_first_of("{$", at)) != std::string_view::npos; ++at) {
    const size_t end = std::min(value.find_first_not_of(kOfName, at + 1), value.size());
    if (end == at + 1 || kFirst.find(value[at + 1]) == std::string_view::npos) continue;
    if (value[at] == '$') return value.substr(at, end - at);
    if (end < value.size() && value[end] == '}') return value.substr(at, end + 1 - at);
  }
  return {};
}

void warn_of_variables(const Route& route, std::string_view key, const FieldEdits& edits,
                       std::vector<std::string>& all) {
  for (const auto* fields : {&edits.set, &edits.add}) {
    for (const auto& [name, value] : *fields) {
      const auto variable = variable_in(value);
      if (variable.empty()) continue;
      all.push_back(concat({"route ", route.name, ": ", key, ": ", name, " gets the literal text ", variable,
                            ": values have no variables. The client's address is in X-Forwarded-For"}));
    }
  }
}

}  // namespace

std::vector<std::string> warnings(const Config& config) {
  std::vector<std::string> all;
  for (const auto& [name, pool] : config.pools) {
    const auto warn = [&all, &name = name](std::string_view what) {
      all.push_back(concat({"pool.", name, ": ", what}));
    };
    if (pool->backends.empty() && pool->names.empty()) {
      warn("it has no backends: its requests wait in the queue, and get 503, until `backend add` adds one");
    }
    if (!is_used(config, name)) warn("no route leads to it, so it gets no requests");
    const Health& health = pool->health;
    if (health.enabled && health.timeout > health.interval) {
      warn(concat({"health.timeout (", duration_text(health.timeout), ") is above health.interval (",
                   duration_text(health.interval),
                   "): a backend that does not answer is asked more seldom than that"}));
    }
  }
  for (const Route& route : config.routes) {
    warn_of_variables(route, "request_fields", route.request_fields, all);
    warn_of_variables(route, "response_fields", route.response_fields, all);
  }
  return all;
}

}  // namespace sluice::config
