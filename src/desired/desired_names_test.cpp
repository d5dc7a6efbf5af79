// Names in the desired state: what they lead to stands beside the file's backends, with changes over both.
#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Verb = BackendEdit::Verb;

config::Config file_with_name(const std::vector<int>& ports, const config::Backend& like = {}) {
  config::Config config = file_with(ports);
  auto pool = std::make_shared<config::Pool>(*config.pools.at("shop"));
  pool->names.push_back({.name = {.host = "app", .port = 80}, .like = like});
  config.pools["shop"] = pool;
  return config;
}

config::ResolvedNames places(const std::vector<config::ResolvedAddress>& list) {
  return {{"app:80", list}};
}

TEST_CASE("each address of a name is a backend, with what the file says of the name") {
  DesiredState state(file_with_name({9001}, {.weight = 3, .version = "v2"}));
  CHECK(backends(state) == "9001");
  CHECK(state.resolve(places({{.address = at(9002)}, {.address = at(9003)}})));
  CHECK(backends(state) == "9001 9002*3 9003*3");
  const auto backend = state.backend({"shop", at(9002)});
  REQUIRE(backend);
  CHECK(backend->version == "v2");
  CHECK(backend->name == "app:80");
  CHECK_FALSE(state.resolve(places({{.address = at(9002)}, {.address = at(9003)}})));
  CHECK(state.resolve(places({{.address = at(9003)}})));
  CHECK(backends(state) == "9001 9003*3");
  CHECK(state.effective().pools.at("shop")->names.size() == 1);
}

TEST_CASE("SRV records' weights and priorities count, and an address counts once") {
  DesiredState state(file_with_name({9001}));
  CHECK(state.resolve(
      places({{.address = at(9001), .weight = 9}, {.address = at(9002), .weight = 7, .priority = 2}})));
  CHECK(backends(state) == "9001 9002*7");
  CHECK(state.backend({"shop", at(9002)})->priority == 2);
  CHECK(state.backend({"shop", at(9001)})->name == "");
}

TEST_CASE("an admin's changes lie over a name's backends, and wait for those that are gone") {
  DesiredState state(file_with_name({}));
  CHECK(state.resolve(places({{.address = at(9001)}, {.address = at(9002)}})));
  CHECK(*state.apply(edit(Verb::drain, 9001)));
  CHECK(*state.apply(edit(Verb::remove, 9002)));
  CHECK(*state.apply(edit(Verb::add, 9003)));
  CHECK(backends(state) == "9001- 9003");
  CHECK(state.resolve(places({{.address = at(9004)}})));
  CHECK(backends(state) == "9004 9003");
  CHECK(state.inactive_reason({"shop", at(9001)}) == "no backend 127.0.0.1:9001 in pool \"shop\"");
  state.replace_file(file_with_name({}));
  CHECK(state.resolve(places({{.address = at(9001)}, {.address = at(9002)}, {.address = at(9003)}})));
  CHECK(backends(state) == "9001- 9003");
}

TEST_CASE("what is known of names outlives a new file, as far as it has them") {
  DesiredState state(file_with_name({9001}));
  CHECK(state.resolve(places({{.address = at(9002)}})));
  state.replace_file(file_with_name({9009}));
  CHECK(backends(state) == "9009 9002");
  state.replace_file(file_with({9001}));
  CHECK(backends(state) == "9001");
}

}  // namespace
}  // namespace sluice::desired
