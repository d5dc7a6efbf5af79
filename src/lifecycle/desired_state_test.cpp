// The file's configuration with the admin's changes over it.
#include <sluice/lifecycle/desired_state.h>

#include <doctest/doctest.h>

namespace sluice::lifecycle {
namespace {

Address at(int port) {
  return *Address::parse("127.0.0.1:" + std::to_string(port));
}

config::Config file_with(std::vector<int> ports) {
  auto pool = std::make_shared<config::Pool>();
  pool->name = "shop";
  for (const int port : ports) pool->backends.push_back({.address = at(port)});
  config::Config config;
  config.pools["shop"] = pool;
  return config;
}

/// "9001 9002*2 9003-": ports, weights other than 1, and - for a drained one.
std::string backends(const DesiredState& state) {
  std::string text;
  const auto effective = state.effective();
  for (const auto& backend : effective.pools.at("shop")->backends) {
    if (!text.empty()) text += ' ';
    text += std::to_string(backend.address.port());
    if (backend.weight != 1) text += "*" + std::to_string(backend.weight);
    if (backend.drain) text += "-";
  }
  return text;
}

TEST_CASE("without changes the effective pools are the file's very objects") {
  const auto file = file_with({9001});
  const DesiredState state(file);
  CHECK(state.effective().pools.at("shop") == file.pools.at("shop"));
}

TEST_CASE("backends are added, removed, drained and weighted over the file") {
  DesiredState state(file_with({9001, 9002}));
  CHECK(*state.add_backend("shop", at(9003), 2, std::nullopt));
  CHECK(*state.remove_backend("shop", at(9001)));
  CHECK(*state.drain_backend("shop", at(9002)));
  CHECK(backends(state) == "9002- 9003*2");
  CHECK(*state.ready_backend("shop", at(9002)));
  CHECK(*state.set_weight("shop", at(9002), 5));
  CHECK(backends(state) == "9002*5 9003*2");
}

TEST_CASE("doing a thing twice changes nothing the second time") {
  DesiredState state(file_with({9001}));
  CHECK(*state.add_backend("shop", at(9002), std::nullopt, std::nullopt));
  CHECK_FALSE(*state.add_backend("shop", at(9002), std::nullopt, std::nullopt));
  CHECK(*state.remove_backend("shop", at(9002)));
  CHECK_FALSE(*state.remove_backend("shop", at(9002)));
  CHECK(state.changes() == 0);
}

TEST_CASE("a backend that is removed and added again starts without what was said of it") {
  DesiredState state(file_with({9001}));
  CHECK(*state.drain_backend("shop", at(9001)));
  CHECK(*state.remove_backend("shop", at(9001)));
  CHECK(*state.add_backend("shop", at(9001), std::nullopt, std::nullopt));
  CHECK(backends(state) == "9001");
}

TEST_CASE("changes stay over a new file until it has caught up with them") {
  DesiredState state(file_with({9001, 9002}));
  CHECK(*state.add_backend("shop", at(9003), std::nullopt, std::nullopt));
  CHECK(*state.remove_backend("shop", at(9001)));
  state.replace_file(file_with({9001, 9002, 9004}));
  CHECK(backends(state) == "9002 9004 9003");
  state.replace_file(file_with({9002, 9003}));
  CHECK(backends(state) == "9002 9003");
  CHECK(state.changes() == 0);
}

TEST_CASE("a change whose pool is gone waits for the pool") {
  DesiredState state(file_with({9001}));
  CHECK(*state.add_backend("shop", at(9002), std::nullopt, std::nullopt));
  state.replace_file(config::Config{});
  CHECK(state.effective().pools.empty());
  state.replace_file(file_with({9001}));
  CHECK(backends(state) == "9001 9002");
  state.drop_changes();
  CHECK(backends(state) == "9001");
}

TEST_CASE("an unknown pool or backend is told, with what was perhaps meant") {
  DesiredState state(file_with({9001}));
  const auto wrong_pool = state.add_backend("shpo", at(9002), std::nullopt, std::nullopt);
  REQUIRE_FALSE(wrong_pool);
  CHECK(wrong_pool.error().code == ErrorCode::not_found);
  CHECK(wrong_pool.error().message == "no pool \"shpo\", did you mean \"shop\"?");
  CHECK(state.drain_backend("shop", at(9009)).error().message ==
        "no backend 127.0.0.1:9009 in pool \"shop\"");
  CHECK(state.changes() == 0);
}

}  // namespace
}  // namespace sluice::lifecycle
