// The desired state and its file: what was acknowledged is there again, what was refused is not.
#include <sluice/desired/durable_file.h>
#include <sluice/desired/durable_state.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "desired/test_store.h"
#include "desired/test_tools.h"

namespace sluice::desired {
namespace {

using Verb = BackendEdit::Verb;

constexpr auto kPath = "state.json";

config::Config kept_in(const std::string& path, const std::vector<int>& ports = {9001}) {
  auto config = file_with(ports);
  config.server.state_file = path;
  return config;
}

/// A process with this configuration.
struct Started {
  Started(config::Config config, StateStore* store) {
    auto opened = DurableState::open(std::move(config), store, log);
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

void check_kept(StateStore& store, const std::string& path) {
  {
    Started first(kept_in(path), &store);
    CHECK(first.state->last_generation() == 0);
    CHECK(first.apply(edit(Verb::add, 9002)));
    CHECK(first.apply(edit(Verb::drain, 9001)));
  }
  const Started second(kept_in(path), &store);
  CHECK(backends(second.state->desired()) == "9001- 9002");
  CHECK(second.state->last_generation() == 3);
  CHECK(second.log.text == "info admin changes loaded changes=2 state_file=" + path + "\n");
}

TEST_CASE("a change is there again after the process, and so is the number of its generation") {
  const TempDir directory;
  DiskStore disk;
  check_kept(disk, directory.path(kPath));
  MemoryStore memory;
  check_kept(memory, kPath);
}

TEST_CASE("without a state file, or a place for it, changes live in memory") {
  MemoryStore store;
  Started without_file(file_with({9001}), &store);
  Started without_store(kept_in(kPath), nullptr);
  for (Started* started : {&without_file, &without_store}) {
    CHECK(started->apply(edit(Verb::add, 9002)));
    CHECK(backends(started->state->desired()) == "9001 9002");
    CHECK(started->state->file() == nullptr);
  }
  CHECK(store.texts.empty());
}

TEST_CASE("entries that the file has caught up with disappear, from the state file too") {
  MemoryStore store;
  {
    Started first(kept_in(kPath), &store);
    CHECK(first.apply(edit(Verb::add, 9002)));
  }
  {
    const Started second(kept_in(kPath, {9001, 9002}), &store);
    CHECK(second.state->desired().changes().empty());
    CHECK(second.state->advance(second.state->desired(), 3));
  }
  const Started third(kept_in(kPath), &store);
  CHECK(backends(third.state->desired()) == "9001");
}

TEST_CASE("entries whose pool is gone are told and kept") {
  MemoryStore store;
  {
    Started first(kept_in(kPath), &store);
    CHECK(first.apply(edit(Verb::add, 9002)));
  }
  {
    config::Config config;
    config.server.state_file = kPath;
    const Started second(config, &store);
    CHECK(second.state->advance(second.state->desired(), 3));
    CHECK(
        second.log.has("warning admin change does not apply, it is kept until reload --reset "
                       "change=\"backend shop 127.0.0.1:9002 added\" cause="));
  }
  const Started third(kept_in(kPath), &store);
  CHECK(backends(third.state->desired()) == "9001 9002");
}

TEST_CASE("a damaged file is set aside and told, and the start goes on without it") {
  const std::string damaged = "{\"version\": 1, \"gener";
  MemoryStore store;
  store.texts[kPath] = damaged;
  Started started(kept_in(kPath), &store);
  CHECK(
      started.log.has("error state file damaged, starting without admin changes state_file=state.json "
                      "cause=\"it is not valid JSON, or cut off\" set_aside_as=state.json.damaged\n"));
  CHECK(backends(started.state->desired()) == "9001");
  CHECK(store.texts.size() == 1);
  CHECK(store.texts["state.json.damaged"] == damaged);
  CHECK(started.apply(edit(Verb::add, 9002)));
  CHECK(store.texts.contains(kPath));
}

TEST_CASE("a file that is too long to be ours is damaged, too") {
  MemoryStore store;
  store.texts[kPath] = "much";
  store.no_reading = Error{.code = ErrorCode::too_large, .message = "it is long"};
  const Started started(kept_in(kPath), &store);
  CHECK(started.log.has("cause=\"it is long\" set_aside_as=state.json.damaged"));
}

TEST_CASE("to start would forget what was acknowledged: a newer version's file, one that cannot be read") {
  MemoryStore store;
  NoLog log;
  const auto why = [&](StateStore& opened, const std::string& path) {
    const auto state = DurableState::open(kept_in(path), &opened, log);
    REQUIRE_FALSE(state);
    return state.error();
  };
  SUBCASE("newer") {
    store.texts[kPath] = "{\"version\": 5}";
    const Error error = why(store, kPath);
    CHECK(error.code == ErrorCode::invalid_config);
    CHECK(error.message ==
          "server.state_file: state.json: a newer Sluice wrote it (its version is 5, this one reads 4): "
          "start that one, or move the file away to start without its changes");
    CHECK(store.texts[kPath] == "{\"version\": 5}");
  }
  SUBCASE("a directory") {
    const TempDir directory;
    std::filesystem::create_directory(directory.path(kPath));
    DiskStore disk;
    CHECK(why(disk, directory.path(kPath)).code == ErrorCode::invalid_config);
  }
  SUBCASE("another process has it") {
    const Started other(kept_in(kPath), &store);
    CHECK(why(store, kPath).code == ErrorCode::conflict);
  }
}

TEST_CASE("a change that the disk does not take has not happened; what changes nothing needs no disk") {
  MemoryStore store;
  Started started(kept_in(kPath), &store);
  REQUIRE(started.apply(edit(Verb::add, 9002)));
  const std::string before = store.texts[kPath];
  store.no_writing = Error{.code = ErrorCode::failed, .message = "no disk"};
  const auto refused = started.apply(edit(Verb::add, 9003));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::failed);
  CHECK(refused.error().message == "nothing was changed, the state file cannot keep it: no disk");
  CHECK(backends(started.state->desired()) == "9001 9002");
  DesiredState next = started.state->desired();
  next.replace_file(kept_in(kPath, {9001, 9005}));
  CHECK(started.state->advance(next, 9));
  CHECK(backends(started.state->desired()) == "9001 9005 9002");
  CHECK(started.log.has("warning state file not written, admin changes will be refused cause=\"no disk\""));
  next.replace_file(kept_in(kPath, {9001, 9002}));
  CHECK_FALSE(started.state->advance(next, 10));
  CHECK(store.texts[kPath] == before);
  store.no_writing.reset();
  CHECK(started.state->advance(next, 10));
  CHECK(store.texts[kPath] != before);
}

TEST_CASE("what another process has written since can be read; the file is no other's until it is released") {
  MemoryStore store;
  Started first(kept_in(kPath), &store);
  REQUIRE(first.apply(edit(Verb::add, 9002)));
  NoLog log;
  auto lock = net::Descriptor::duplicate_of(first.state->file()->lock());
  REQUIRE(lock);
  auto second =
      DurableState::inherit(kept_in(kPath),
                            {.saved = {.generation = 2, .changes = first.state->desired().changes()},
                             .path = kPath,
                             .lock = *std::move(lock)},
                            &store, log);
  REQUIRE(second);
  DesiredState next = (*second)->desired();
  REQUIRE(next.apply(edit(Verb::add, 9003)));
  REQUIRE((*second)->advance(std::move(next), 7));
  const auto read = first.state->reload();
  REQUIRE(read);
  CHECK(read->generation == 7);
  CHECK(read->changes == (*second)->desired().changes());
  first.state->release_file();
  CHECK_FALSE(first.state->reload());
  CHECK(DurableState::open(kept_in(kPath), &store, log).error().code == ErrorCode::conflict);
  second->reset();
  CHECK(DurableState::open(kept_in(kPath), &store, log));
}

void check_refused_elsewhere(StateStore& store, const std::string& path,
                             const std::function<void(bool)>& fill, const std::function<bool()>& is_clean) {
  const std::string path_before = path + "-before";
  Started before(kept_in(path_before), &store);
  REQUIRE(before.apply(edit(Verb::add, 9002)));
  const auto inherit = [&] {
    RememberingLog log;
    const SavedState saved{.generation = 2, .changes = before.state->desired().changes()};
    return DurableState::inherit(kept_in(path), {.saved = saved, .path = path_before}, &store, log);
  };
  fill(true);
  const auto refused = inherit();
  fill(false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with("server.state_file: cannot write " + path));
  CHECK(is_clean());
  CHECK(inherit());
  CHECK(is_clean());  // Not before it is active.
}

TEST_CASE("a process does not take over to another file, when that cannot keep what was acknowledged") {
  const TempDir directory;
  const std::string path = directory.path(kPath);
  DiskStore disk;
  std::optional<FullDisk> full;
  check_refused_elsewhere(
      disk, path, [&](bool is_full) { is_full ? static_cast<void>(full.emplace(16)) : full.reset(); },
      [&] { return !std::filesystem::exists(path) && !std::filesystem::exists(path + ".new"); });
  MemoryStore memory;
  const Error none{.code = ErrorCode::failed, .message = "cannot write state.json"};
  check_refused_elsewhere(
      memory, kPath,
      [&](bool is_full) {
        is_full ? static_cast<void>(memory.no_writing = none) : memory.no_writing.reset();
      },
      [&] { return !memory.texts.contains(kPath); });
}

/// After a process whose state files are of versions up to this one, and which may come back.
std::unique_ptr<DurableState> after_one_that_reads(uint64_t version, const SavedState& saved, Log& log) {
  auto config = file_with({9001});
  config.server.probation.time = Duration(1000);
  auto inherited = DurableState::inherit(std::move(config), {.saved = saved, .reads = version}, nullptr, log);
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
