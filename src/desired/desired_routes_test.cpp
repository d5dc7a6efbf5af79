// Routes whose requests an admin has sent elsewhere, over the file.
#include <sluice/config/load.h>
#include <sluice/desired/transaction.h>

#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Split = std::vector<config::PoolShare>;

/// Pools blue and green; a route "shop" to blue, "old" that redirects, and one without a name.
config::Config file(const Split& split = {}) {
  config::Config config;
  for (const std::string name : {"blue", "green"}) {
    auto pool = std::make_shared<config::Pool>();
    pool->name = name;
    config.pools[name] = pool;
  }
  config.routes.push_back({.name = "shop", .pool = split.empty() ? "blue" : "", .split = split});
  config.routes.push_back({.name = "old", .path = "/old", .redirect = config::Redirect{.to = "/"}});
  config.routes.push_back({.path = "/x", .pool = "green"});
  return config;
}

RouteEdit edit(Split split) {
  return {.route = "shop", .split = std::move(split)};
}

std::string pools(const DesiredState& state) {
  return config::shares_text(config::shares(state.effective().routes[0]));
}

TEST_CASE("a split lies over the file's pool, and what is said twice changes nothing") {
  DesiredState state(file());
  CHECK(pools(state) == "blue");
  CHECK(*state.apply(edit({{"green", 10}, {"blue", 90}})));
  CHECK(pools(state) == "blue=90 green=10");
  CHECK_FALSE(*state.apply(edit({{"blue", 90}, {"green", 10}})));
  CHECK(*state.apply(edit({{"green", 7}})));
  CHECK(pools(state) == "green");
  CHECK(state.changes().size() == 1);
  CHECK(config::shares_text(config::shares(state.effective().routes[2])) == "green");
}

TEST_CASE("a split that is the file's own disappears, at once or with a reload") {
  DesiredState state(file());
  CHECK(*state.apply(edit({{"green", 1}})));
  CHECK(*state.apply(edit({{"blue", 100}, {"green", 0}})));
  CHECK(state.changes().empty());
  CHECK(*state.apply(edit({{"blue", 90}, {"green", 10}})));
  state.replace_file(file({{"blue", 50}, {"green", 50}}));
  CHECK(pools(state) == "blue=90 green=10");
  state.replace_file(file({{"blue", 90}, {"green", 10}}));
  CHECK(state.changes().empty());
  CHECK(*state.apply(edit({{"green", 1}})));
  state.drop_changes();
  CHECK(pools(state) == "blue=90 green=10");
}

TEST_CASE("a split whose route or pool is gone waits for it, and the file's pool serves") {
  DesiredState state(file());
  CHECK(*state.apply(edit({{"green", 1}})));
  auto without_green = file();
  without_green.pools.erase("green");
  without_green.routes.pop_back();
  state.replace_file(without_green);
  CHECK(pools(state) == "blue");
  CHECK(state.inactive_reason("shop") == "no pool \"green\"");
  auto without_route = file();
  without_route.routes.erase(without_route.routes.begin());
  state.replace_file(without_route);
  REQUIRE(state.describe().size() == 1);
  CHECK(state.describe()[0].words == "route shop split green=1");
  CHECK(state.describe()[0].inactive_reason == "no route \"shop\"");
  state.replace_file(file());
  CHECK(pools(state) == "green");
}

TEST_CASE("what cannot be split is told, with what was perhaps meant") {
  DesiredState state(file());
  const auto error = [&](const RouteEdit& wrong) { return state.apply(wrong).error(); };
  CHECK(error({.route = "shp", .split = {{"blue", 1}}}).message ==
        "no route \"shp\", did you mean \"shop\"?");
  CHECK(error({.route = "", .split = {{"blue", 1}}}).code == ErrorCode::not_found);
  CHECK(error({.route = "old", .split = {{"blue", 1}}}).code == ErrorCode::usage);
  CHECK(error(edit({{"blue", 1}, {"gren", 1}})).message == "no pool \"gren\", did you mean \"green\"?");
  CHECK(state.changes().empty());
}

TEST_CASE("a split and changes of backends take effect together, or not at all") {
  DesiredState state(file());
  Transaction transaction(state);
  CHECK(*transaction.add(BackendEdit{.verb = BackendEdit::Verb::add, .key = {"green", at(9001)}}));
  CHECK(*transaction.add(edit({{"green", 1}})));
  DesiredState meanwhile = state;
  CHECK(*transaction.commit_to(state));
  CHECK(pools(state) == "green");
  CHECK(state.backend({"green", at(9001)}));
  CHECK(*meanwhile.apply(edit({{"blue", 1}, {"green", 1}})));
  const auto conflict = transaction.commit_to(meanwhile);
  REQUIRE_FALSE(conflict);
  CHECK(conflict.error().code == ErrorCode::conflict);
  CHECK(conflict.error().message ==
        "nothing was changed: route shop has been changed by another since begin");
  CHECK_FALSE(meanwhile.backend({"green", at(9001)}));
}

}  // namespace
}  // namespace sluice::desired
