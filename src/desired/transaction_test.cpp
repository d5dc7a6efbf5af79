// Several edits, together or not at all.
#include <sluice/desired/transaction.h>

#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Verb = BackendEdit::Verb;

TEST_CASE("a transaction changes nothing until it is committed, and then everything") {
  DesiredState state(file_with({9001}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::add, 9002)));
  CHECK(*transaction.add(edit(Verb::drain, 9001)));
  CHECK(*transaction.add(BackendEdit{.verb = Verb::weight, .key = {"shop", at(9002)}, .weight = 3}));
  CHECK(backends(state) == "9001");
  CHECK(*transaction.commit_to(state));
  CHECK(backends(state) == "9001- 9002*3");
}

TEST_CASE("an edit is told at once what is wrong with it, after those before it") {
  const DesiredState state(file_with({9001}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::remove, 9001)));
  CHECK(transaction.add(edit(Verb::drain, 9001)).error().code == ErrorCode::not_found);
  CHECK(transaction.size() == 1);
}

TEST_CASE("what others change meanwhile stays, when it is about other backends") {
  DesiredState state(file_with({9001}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::add, 9002)));
  CHECK(*state.apply(edit(Verb::add, 9003)));
  CHECK(*transaction.commit_to(state));
  CHECK(backends(state) == "9001 9002 9003");
}

TEST_CASE("a backend that another has changed since begin is a conflict, and nothing is done") {
  DesiredState state(file_with({9001, 9004}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::add, 9002)));
  SUBCASE("a change of it") {
    CHECK(*transaction.add(edit(Verb::drain, 9001)));
    CHECK(*state.apply({.verb = Verb::weight, .key = {"shop", at(9001)}, .weight = 7}));
  }
  SUBCASE("even when the edit itself changed nothing") {
    CHECK_FALSE(*transaction.add(edit(Verb::add, 9001)));
    CHECK(*state.apply(edit(Verb::remove, 9001)));
  }
  const std::string before = backends(state);
  const auto done = transaction.commit_to(state);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ErrorCode::conflict);
  CHECK(done.error().message ==
        "nothing was changed: backend shop 127.0.0.1:9001 has been changed by another since begin");
  CHECK(backends(state) == before);
}

TEST_CASE("a pool that is gone since begin is a conflict") {
  DesiredState state(file_with({9001}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::add, 9002)));
  state.replace_file(config::Config{});
  CHECK(transaction.commit_to(state).error().code == ErrorCode::conflict);
}

TEST_CASE("edits that undo each other change nothing") {
  DesiredState state(file_with({9001}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::drain, 9001)));
  CHECK(*transaction.add(edit(Verb::ready, 9001)));
  CHECK_FALSE(*transaction.commit_to(state));
}

TEST_CASE("a pool is resumed together with what else changes, unless another has resumed it") {
  DesiredState state(file_with({9001}));
  CHECK(*state.apply(PauseEdit{.pool = "shop", .pause = PauseChange{}}));
  Transaction transaction(state);
  CHECK(*transaction.add(edit(Verb::add, 9002)));
  CHECK(*transaction.add(PauseEdit{.pool = "shop"}));
  DesiredState other = state;
  CHECK(*transaction.commit_to(state));
  CHECK_FALSE(state.pause("shop"));
  CHECK(backends(state) == "9001 9002");
  CHECK(*other.apply(PauseEdit{.pool = "shop"}));
  CHECK(transaction.commit_to(other).error().message ==
        "nothing was changed: pool shop has been changed by another since begin");
}

TEST_CASE("a transaction has a bound") {
  const DesiredState state(file_with({9001}));
  Transaction transaction(state);
  Result<bool> last = true;
  for (int i = 0; i < 10'001; ++i) last = transaction.add(edit(Verb::drain, 9001));
  CHECK(last.error().message == "more than 10000 changes in one transaction");
}

}  // namespace
}  // namespace sluice::desired
