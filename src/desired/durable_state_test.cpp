// The desired state and its file: what was acknowledged is there again, what was refused is not.
#include <sluice/desired/durable_state.h>

#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Verb = BackendEdit::Verb;

config::Config kept_in(const std::string& path, const std::vector<int>& ports = {9001}) {
  auto config = file_with(ports);
  config.server.state_file = path;
  return config;
}

/// A process with this configuration.
struct Started {
  explicit Started(config::Config config) {
    auto opened = DurableState::open(std::move(config), log);
    if (!opened) FAIL(opened.error().message);
    state = *std::move(opened);
  }
  Result<void> apply(const BackendEdit& edit) {
    DesiredState next = state->desired();
    REQUIRE(next.apply(edit));
    return state->advance(std::move(next), ++generation);
  }
  RememberingLog log;
  std::unique_ptr<DurableState> state;
  uint64_t generation = 1;
};

TEST_CASE("a change is there again after the process, and so is the number of its generation") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  {
    Started first(kept_in(path));
    CHECK(first.state->last_generation() == 0);
    CHECK(first.apply(edit(Verb::add, 9002)));
    CHECK(first.apply(edit(Verb::drain, 9001)));
  }
  const Started second(kept_in(path));
  CHECK(backends(second.state->desired()) == "9001- 9002");
  CHECK(second.state->last_generation() == 3);
  CHECK(second.log.text == "info admin changes loaded changes=2 state_file=" + path + "\n");
}

TEST_CASE("without a state file changes live in memory") {
  Started first(file_with({9001}));
  CHECK(first.apply(edit(Verb::add, 9002)));
  CHECK(backends(first.state->desired()) == "9001 9002");
}

TEST_CASE("entries that the file has caught up with disappear, from the state file too") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  {
    Started first(kept_in(path));
    CHECK(first.apply(edit(Verb::add, 9002)));
  }
  {
    const Started second(kept_in(path, {9001, 9002}));
    CHECK(second.state->desired().changes().empty());
    CHECK(second.state->advance(second.state->desired(), 3));
  }
  const Started third(kept_in(path));
  CHECK(backends(third.state->desired()) == "9001");
}

TEST_CASE("entries whose pool is gone are told and kept") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  {
    Started first(kept_in(path));
    CHECK(first.apply(edit(Verb::add, 9002)));
  }
  {
    config::Config config;
    config.server.state_file = path;
    const Started second(config);
    CHECK(second.state->advance(second.state->desired(), 3));
    CHECK(
        second.log.has("warning admin change does not apply, it is kept until reload --reset "
                       "change=\"backend shop 127.0.0.1:9002 added\" cause="));
  }
  const Started third(kept_in(path));
  CHECK(backends(third.state->desired()) == "9001 9002");
}

TEST_CASE("a damaged file is set aside and told, and the start goes on without it") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  write_text(path, "{\"version\": 1, \"gener");
  Started started(kept_in(path));
  CHECK(started.log.has("error state file damaged, starting without admin changes state_file=" + path));
  CHECK(started.log.has("set_aside_as=" + path + ".damaged-"));
  CHECK(backends(started.state->desired()) == "9001");
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(started.apply(edit(Verb::add, 9002)));
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("to start would forget what was acknowledged: a newer version's file, one that cannot be read") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  NoLog log;
  SUBCASE("newer") {
    write_text(path, "{\"version\": 5}");
    const auto state = DurableState::open(kept_in(path), log);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == ErrorCode::invalid_config);
    CHECK(state.error().message ==
          "server.state_file: " + path +
              ": a newer Sluice wrote it (its version is 5, this one reads 4): start "
              "that one, or move the file away to start without its changes");
    CHECK(text_of(path) == "{\"version\": 5}");
  }
  SUBCASE("a directory") {
    std::filesystem::create_directory(path);
    CHECK(DurableState::open(kept_in(path), log).error().code == ErrorCode::invalid_config);
  }
  SUBCASE("another process has it") {
    const Started other(kept_in(path));
    CHECK(DurableState::open(kept_in(path), log).error().code == ErrorCode::conflict);
  }
}

TEST_CASE("a change that the disk does not take has not happened; what changes nothing needs no disk") {
  const TempDir directory;
  std::filesystem::create_directory(directory.path("sub"));
  Started started(kept_in(directory.path("sub/state.json")));
  REQUIRE(started.apply(edit(Verb::add, 9002)));
  std::filesystem::rename(directory.path("sub"), directory.path("gone"));
  const auto refused = started.apply(edit(Verb::add, 9003));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::failed);
  CHECK(refused.error().message.starts_with(
      "nothing was changed, the state file cannot keep it: cannot open "));
  CHECK(backends(started.state->desired()) == "9001 9002");
  DesiredState next = started.state->desired();
  next.replace_file(kept_in(directory.path("sub/state.json"), {9001, 9005}));
  CHECK(started.state->advance(next, 9));
  CHECK(backends(started.state->desired()) == "9001 9005 9002");
  CHECK(started.log.has("warning state file not written, admin changes will be refused cause="));
  next.replace_file(kept_in(directory.path("sub/state.json"), {9001, 9002}));
  CHECK_FALSE(started.state->advance(next, 10));
  std::filesystem::rename(directory.path("gone"), directory.path("sub"));
  CHECK(started.state->advance(next, 10));
}

TEST_CASE("a process does not take over to another file, when that cannot keep what was acknowledged") {
  const TempDir directory;
  const std::string path = directory.path("state.json");
  Started before(kept_in(directory.path("before.json")));
  REQUIRE(before.apply(edit(Verb::add, 9002)));
  const auto inherit = [&] {
    RememberingLog log;
    const SavedState saved{.generation = 2, .changes = before.state->desired().changes()};
    return DurableState::inherit(kept_in(path), {.saved = saved, .path = directory.path("before.json")}, log);
  };
  {
    const FullDisk full(16);
    const auto refused = inherit();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.starts_with("server.state_file: cannot write " + path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(inherit());
  CHECK_FALSE(std::filesystem::exists(path));  // Not before it is active.
  CHECK_FALSE(std::filesystem::exists(path + ".new"));
}

/// After a process whose state files are of versions up to this one, and which may come back.
std::unique_ptr<DurableState> after_one_that_reads(uint64_t version, const SavedState& saved, Log& log) {
  auto config = file_with({9001});
  config.server.probation.time = Duration(1000);
  auto inherited = DurableState::inherit(std::move(config), {.saved = saved, .reads = version}, log);
  REQUIRE(inherited);
  return *std::move(inherited);
}

TEST_CASE("what a process that stands by could not read is refused until it is gone") {
  RememberingLog log;
  const auto weigh = [](DurableState& state, uint32_t weight) {
    DesiredState next = state.desired();
    auto wanted = edit(Verb::weight, 9001);
    wanted.weight = weight;
    REQUIRE(next.apply(wanted));
    return state.advance(std::move(next), 2);
  };
  const auto state = after_one_that_reads(3, {}, log);
  const auto refused = weigh(*state, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::conflict);
  CHECK(backends(state->desired()) == "9001");
  CHECK(weigh(*state, 7));
  state->be_alone();
  CHECK(weigh(*state, 0));
  CHECK(weigh(*after_one_that_reads(kNewestState, {}, log), 0));
  // It has written that itself.
  const SavedState saved{.generation = 2, .changes = state->desired().changes()};
  CHECK(weigh(*after_one_that_reads(3, saved, log), 0));
}

}  // namespace
}  // namespace sluice::desired
