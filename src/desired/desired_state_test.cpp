// The file's configuration with the admin's changes over it.
#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Verb = BackendEdit::Verb;

TEST_CASE("without changes the effective pools are the file's very objects") {
  const auto file = file_with({9001});
  const DesiredState state(file);
  CHECK(state.effective().pools.at("shop") == file.pools.at("shop"));
}

TEST_CASE("backends are added, removed, drained and weighted over the file") {
  DesiredState state(file_with({9001, 9002}));
  CHECK(*state.apply({.verb = Verb::add, .key = {"shop", at(9003)}, .weight = 2}));
  CHECK(*state.apply(edit(Verb::remove, 9001)));
  CHECK(*state.apply(edit(Verb::drain, 9002)));
  CHECK(backends(state) == "9002- 9003*2");
  CHECK(*state.apply(edit(Verb::ready, 9002)));
  CHECK(*state.apply({.verb = Verb::weight, .key = {"shop", at(9002)}, .weight = 5}));
  CHECK(backends(state) == "9002*5 9003*2");
}

TEST_CASE("doing a thing twice changes nothing the second time") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(edit(Verb::add, 9002)));
  CHECK_FALSE(*state.apply(edit(Verb::add, 9002)));
  CHECK(*state.apply(edit(Verb::remove, 9002)));
  CHECK_FALSE(*state.apply(edit(Verb::remove, 9002)));
  CHECK(state.changes().empty());
}

TEST_CASE("a backend that is removed and added again starts without what was said of it") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(edit(Verb::drain, 9001)));
  CHECK(*state.apply(edit(Verb::remove, 9001)));
  CHECK(*state.apply(edit(Verb::add, 9001)));
  CHECK(backends(state) == "9001");
}

TEST_CASE("to add a backend that is there leaves its drain alone") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(edit(Verb::drain, 9001)));
  CHECK_FALSE(*state.apply(edit(Verb::add, 9001)));
  CHECK(*state.apply({.verb = Verb::add, .key = {"shop", at(9001)}, .weight = 3}));
  CHECK(*state.apply(edit(Verb::add, 9002)));
  CHECK(*state.apply(edit(Verb::drain, 9002)));
  CHECK_FALSE(*state.apply(edit(Verb::add, 9002)));
  CHECK(backends(state) == "9001*3- 9002-");
}

TEST_CASE("changes stay over a new file until it has caught up with them") {
  DesiredState state(file_with({9001, 9002}));
  CHECK(*state.apply(edit(Verb::add, 9003)));
  CHECK(*state.apply(edit(Verb::remove, 9001)));
  state.replace_file(file_with({9001, 9002, 9004}));
  CHECK(backends(state) == "9002 9004 9003");
  state.replace_file(file_with({9002, 9003}));
  CHECK(backends(state) == "9002 9003");
  CHECK(state.changes().empty());
}

TEST_CASE("a change whose pool is gone waits for the pool") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(edit(Verb::add, 9002)));
  state.replace_file(config::Config{});
  CHECK(state.effective().pools.empty());
  state.replace_file(file_with({9001}));
  CHECK(backends(state) == "9001 9002");
  state.drop_changes();
  CHECK(backends(state) == "9001");
}

TEST_CASE("an unknown pool or backend is told, with what was perhaps meant") {
  DesiredState state(file_with({9001}));
  const auto wrong_pool = state.apply({.verb = Verb::add, .key = {"shpo", at(9002)}});
  REQUIRE_FALSE(wrong_pool);
  CHECK(wrong_pool.error().code == ErrorCode::not_found);
  CHECK(wrong_pool.error().message == "no pool \"shpo\", did you mean \"shop\"?");
  CHECK(state.apply(edit(Verb::drain, 9009)).error().message == "no backend 127.0.0.1:9009 in pool \"shop\"");
  CHECK(state.changes().empty());
}

TEST_CASE("a drain of a backend that the file has no more is kept, and is there again with it") {
  DesiredState state(file_with({9001, 9002}));
  CHECK(*state.apply(edit(Verb::drain, 9002)));
  state.replace_file(file_with({9001}));
  CHECK(backends(state) == "9001");
  CHECK(state.inactive_reason({"shop", at(9002)}) == "no backend 127.0.0.1:9002 in pool \"shop\"");
  CHECK(state.apply(edit(Verb::ready, 9002)).error().code == ErrorCode::not_found);
  SUBCASE("until the file has it again") {
    state.replace_file(file_with({9001, 9002}));
    CHECK(backends(state) == "9001 9002-");
    CHECK(state.inactive_reason({"shop", at(9002)}) == "");
  }
  SUBCASE("but not over a backend that an admin adds") {
    CHECK(*state.apply(edit(Verb::add, 9002)));
    CHECK(backends(state) == "9001 9002");
  }
  SUBCASE("nor over one that an admin removes") {
    CHECK_FALSE(*state.apply(edit(Verb::remove, 9002)));
    CHECK(state.changes().empty());
  }
}

TEST_CASE("a change whose pool is gone says what it waits for") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(edit(Verb::add, 9002)));
  CHECK(state.inactive_reason({"shop", at(9002)}) == "");
  state.replace_file(config::Config{});
  CHECK(state.inactive_reason({"shop", at(9002)}) == "no pool \"shop\"");
  CHECK_FALSE(state.backend({"shop", at(9002)}));
  CHECK(state.changes().size() == 1);
}

TEST_CASE("saved changes lie over the file, and what it has caught up with disappears at once") {
  using Presence = BackendChange::Presence;
  const DesiredState state(file_with({9001, 9002}),
                           {.backends = {{{"shop", at(9002)}, {.presence = Presence::added}},
                                         {{"shop", at(9003)}, {.presence = Presence::removed}},
                                         {{"shop", at(9001)}, {.weight = 4}},
                                         {{"gone", at(9001)}, {.presence = Presence::removed}}}});
  CHECK(backends(state) == "9001*4 9002");
  CHECK(state.changes().size() == 2);
}

TEST_CASE("a change reads as words") {
  const BackendKey key{"shop", at(9003)};
  CHECK(words(key,
              {.presence = BackendChange::Presence::added, .weight = 2, .version = "v2", .drain = false}) ==
        "backend shop 127.0.0.1:9003 added weight=2 version=v2");
  CHECK(words(key, {.presence = BackendChange::Presence::removed}) == "backend shop 127.0.0.1:9003 removed");
  CHECK(words(key, {.drain = true}) == "backend shop 127.0.0.1:9003 draining");
}

TEST_CASE("redundant changes are kept while the file before may come back, which says otherwise") {
  DesiredState before(file_with({9001}));
  REQUIRE(before.apply(edit(Verb::add, 9002)));
  DesiredState next(file_with({9001, 9002, 9003}), before.changes(), RedundantChanges::keep);
  CHECK(next.changes() == before.changes());
  CHECK_FALSE(*next.apply(edit(Verb::add, 9003)));  // It is there already, but not in the file before.
  REQUIRE(next.apply(edit(Verb::drain, 9002)));
  REQUIRE(next.apply(edit(Verb::ready, 9002)));
  CHECK(backends(next) == "9001 9002 9003");
  before.replace_changes(next.changes());
  CHECK(backends(before) == "9001 9002 9003");
  next.drop_redundant();
  CHECK(next.changes().empty());
  CHECK(backends(next) == "9001 9002 9003");
}

TEST_CASE("what was removed stays removed when the file before comes back") {
  DesiredState before(file_with({9001, 9002}));
  REQUIRE(before.apply(edit(Verb::remove, 9002)));
  const DesiredState next(file_with({9001}), before.changes(), RedundantChanges::keep);
  CHECK(backends(next) == "9001");
  before.replace_changes(next.changes());
  CHECK(backends(before) == "9001");
}

}  // namespace
}  // namespace sluice::desired
