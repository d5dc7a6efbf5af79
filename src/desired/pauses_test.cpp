// Pauses: what the desired state says of them, and that the timed ones end.
#include <sluice/desired/pauses.h>
#include <sluice/desired/state_file.h>

#include <string>

#include <doctest/doctest.h>

namespace sluice::desired {
namespace {

config::Config file_of_pool(const std::string& pool) {
  config::Config config;
  config.pools[pool] = std::make_shared<config::Pool>(config::Pool{.name = pool});
  return config;
}

struct Lines final : Log {
  void write(LogLevel, std::string_view line) override { text += std::string(line) + "\n"; }
  std::string text;
};

struct Paused {
  Paused()
      : pauses(deadlines, log, [this](const std::vector<PauseEdit>& over, std::string_view) {
          ++asked;
          if (refuse) return false;
          for (const auto& edit : over) ended += edit.pool;
          return true;
        }) {}
  void pass(Duration time) {
    clock.advance(time);
    deadlines.expire();
  }
  HeldClock clock;
  Deadlines deadlines{clock};
  std::string ended;
  int asked = 0;
  bool refuse = false;
  Lines log;
  Pauses pauses;
};

TEST_CASE("a pool is paused until it is resumed; doing it twice changes nothing") {
  DesiredState state(file_of_pool("shop"));
  CHECK(*state.apply(PauseEdit{.pool = "shop", .pause = PauseChange{}}));
  CHECK_FALSE(*state.apply(PauseEdit{.pool = "shop", .pause = PauseChange{}}));
  CHECK(state.effective().pools.at("shop")->pause == config::Pause::until_resumed);
  CHECK(*state.apply(PauseEdit{.pool = "shop", .pause = PauseChange{.until = TimePoint{Duration{9}}}}));
  CHECK(state.effective().pools.at("shop")->pause == config::Pause::timed);
  CHECK(*state.apply(PauseEdit{.pool = "shop"}));
  CHECK_FALSE(*state.apply(PauseEdit{.pool = "shop"}));
  CHECK(state.effective().pools.at("shop")->pause == config::Pause::none);
  const auto unknown = state.apply(PauseEdit{.pool = "shpo", .pause = PauseChange{}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message == "no pool \"shpo\", did you mean \"shop\"?");
}

TEST_CASE("a pause outlives a new file, but not its pool, nor a drop of all changes") {
  DesiredState state(file_of_pool("shop"));
  CHECK(*state.apply(PauseEdit{.pool = "shop", .pause = PauseChange{}}));
  state.replace_file(file_of_pool("shop"));
  CHECK(state.pause("shop"));
  CHECK(state.describe().size() == 1);
  DesiredState dropped = state;
  dropped.drop_changes();
  CHECK_FALSE(dropped.pause("shop"));
  state.replace_file(file_of_pool("other"));
  CHECK_FALSE(state.pause("shop"));
  CHECK(state.effective().pools.size() == 1);
}

TEST_CASE("the state file keeps no pause: a restart ends it") {
  const auto text = state_text({.generation = 3, .changes = {.pauses = {{"shop", {}}}}});
  REQUIRE(text);
  CHECK(text->find("shop") == std::string::npos);
  CHECK(*parse_state(*text) == SavedState{.generation = 3});
}

TEST_CASE("a timed pause is ended when its time is over, and asked for again when that was refused") {
  Paused world;
  const TimePoint now = world.clock.now();
  world.pauses.apply(
      {{"blog", {}}, {"shop", {.until = now + Duration{500}}}, {"wiki", {.until = now + Duration{900}}}},
      "admin");
  CHECK(world.log.text ==
        "pool paused pool=blog cause=admin\n"
        "pool paused pool=shop cause=admin for_ms=500\n"
        "pool paused pool=wiki cause=admin for_ms=900\n");
  world.pass(Duration{499});
  CHECK(world.asked == 0);
  world.refuse = true;
  world.pass(Duration{2});
  CHECK(world.asked == 1);
  world.refuse = false;
  world.pass(Duration{101});
  CHECK(world.ended == "shop");
  world.log.text.clear();
  world.pauses.apply({{"blog", {}}, {"wiki", {.until = now + Duration{900}}}}, "pause_over");
  CHECK(world.log.text == "pool resumed pool=shop cause=pause_over\n");
  world.pass(Duration{400});
  CHECK(world.ended == "shopwiki");
}

}  // namespace
}  // namespace sluice::desired
