// Which requests a route takes beyond host and path, and to which pools they go in which parts.
#include <sluice/base/text.h>

#include <algorithm>

#include "config/parse.h"
#include "config/syntax.h"

namespace sluice::config {
namespace {

constexpr uint32_t kMostShare = 1000;

bool is_known(Reader& reader, const Config& config, const std::string& name, std::string_view key) {
  if (config.pools.contains(name)) return true;
  std::vector<std::string_view> names;
  for (const auto& [known, pool] : config.pools) names.push_back(known);
  reader.problem(key, concat({"there is no [pool.", name, "]", hint(name, names)}));
  return false;
}

void parse_split(Reader split, Reader& route, const Config& config, std::vector<PoolShare>& shares) {
  const size_t problems_before = route.report().problems.size();
  for (const Value& given : split.elements()) {
    PoolShare share{.pool = given.key};
    split.read_number(given.key, share.weight, 0, kMostShare);
    is_known(split, config, given.key, given.key);
    shares.push_back(std::move(share));
  }
  if (route.report().problems.size() > problems_before) return;
  if (auto holds = check_split(shares); !holds) route.problem("pool", holds.error().message);
}

}  // namespace

void parse_pool_of_route(Reader& reader, const Config& config, Route& route) {
  const Value* given = reader.take("pool");
  if (given == nullptr) return;
  if (given->kind == Value::Kind::table) {
    return parse_split(*reader.sub("pool"), reader, config, route.split);
  }
  if (given->kind != Value::Kind::string) {
    return reader.expected("pool",
                           "the name of a pool, or pools with their parts such as { blue = 90, green = 10 }",
                           given->kind_words());
  }
  if (reader.read("pool", route.pool)) is_known(reader, config, route.pool, "pool");
}

void parse_match(Reader& route, std::string_view key, std::optional<FieldMatch>& match) {
  auto reader = route.sub(key);
  if (!reader) return;
  match.emplace();
  const bool has_name = reader->read("name", match->name);
  if (!reader->has("name")) {
    reader->problem("name", concat({"missing: expected the name of a ", key}));
  } else if (has_name && !is_token(match->name)) {
    reader->expected("name", concat({"the name of a ", key}), concat({"\"", match->name, "\""}));
  }
  if (std::string value; reader->read("value", value)) match->value = std::move(value);
  reader->finish();
}

Result<void> check_split(const std::vector<PoolShare>& split) {
  const auto wrong = [](std::string_view message) {
    return Error{.code = ErrorCode::usage, .message = std::string(message)};
  };
  const auto is_too_much = [](const PoolShare& share) { return share.weight > kMostShare; };
  if (std::ranges::any_of(split, is_too_much)) return wrong("expected weights from 0 to 1000");
  const auto has_part = [](const PoolShare& share) { return share.weight != 0; };
  if (std::ranges::none_of(split, has_part)) return wrong("expected at least one pool with a weight above 0");
  return {};
}

std::vector<PoolShare> shares(const Route& route) {
  if (!route.split.empty()) return route.split;
  if (route.pool.empty()) return {};
  return {{.pool = route.pool, .weight = 1}};
}

std::string shares_text(const std::vector<PoolShare>& shares) {
  if (shares.size() == 1) return shares[0].pool;
  std::string text;
  for (const auto& [pool, weight] : shares) {
    text += concat({text.empty() ? "" : " ", pool, "=", std::to_string(weight)});
  }
  return text;
}

}  // namespace sluice::config
