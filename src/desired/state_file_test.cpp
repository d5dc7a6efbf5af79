// The state file's text: all of it comes back, or none.
#include <sluice/desired/state_file.h>

#include <vector>

#include <doctest/doctest.h>

namespace sluice::desired {
namespace {

using Presence = BackendChange::Presence;

Address address_of(const std::string& text) {
  return Address::parse(text).value();
}

SavedState one_of_each() {
  return {
      .generation = 17,
      .changes = {.backends = {{{"shop", address_of("127.0.0.1:9003")},
                                {.presence = Presence::added, .weight = 2, .version = "v2", .drain = false}},
                               {{"shop", address_of("[::1]:80")}, {.presence = Presence::removed}},
                               {{"api", address_of("unix:/run/a.sock")}, {.drain = true}}},
                  .routes = {{"shop", {{"blue", 90}, {"green", 10}}}, {"api", {{"api.v2", 1}}}}}};
}

constexpr std::string_view kText = R"({
  "version": 1,
  "generation": 3,
  "changes": [
    {
      "pool": "shop",
      "address": "127.0.0.1:9003",
      "presence": "added",
      "weight": 2,
      "version": "v2",
      "drain": true
    }
  ]
}
)";

const SavedState kState = {
    .generation = 3,
    .changes = {.backends = {{{"shop", address_of("127.0.0.1:9003")},
                              {.presence = Presence::added, .weight = 2, .version = "v2", .drain = true}}}}};

/// kText with `before` replaced.
std::string with(std::string_view before, std::string_view after) {
  std::string text(kText);
  const auto place = text.find(before);
  REQUIRE(place != std::string::npos);
  return text.replace(place, before.size(), after);
}

TEST_CASE("what is saved reads well and comes back") {
  CHECK(*state_text(kState) == kText);
  CHECK(*parse_state(kText) == kState);
  CHECK(*parse_state(*state_text(one_of_each())) == one_of_each());
  CHECK(*parse_state(*state_text({})) == SavedState{});
}

TEST_CASE("a file that was cut off anywhere is damaged") {
  const std::string_view whole = kText.substr(0, kText.size() - 1);  // Its last line end says nothing.
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto state = parse_state(whole.substr(0, size));
    REQUIRE_FALSE(state);
    CHECK(state.error().code == ErrorCode::malformed);
  }
}

TEST_CASE("every kind of damage is told, and nothing of the file is taken") {
  struct Damage {
    std::string text;
    std::string message;
  };
  const std::vector<Damage> damages = {
      {"", "it is not valid JSON, or cut off"},
      {std::string(100, '\0'), "it is not valid JSON, or cut off"},
      {std::string(kText) + "x", "it is not valid JSON, or cut off"},
      {"[]", "it is no JSON object"},
      {"{}", "there is no version"},
      {with("\"version\": 1", "\"version\": \"1\""), "version is not a number"},
      {with("\"version\": 1", "\"version\": 0"), "version is not 1 to 4"},
      {with("\"version\": 1", "\"version\": -1"), "version is not a number"},
      {with("\"generation\": 3", "\"generation\": 1e99"), "generation is not a number"},
      {with("\"generation\": 3", "\"generation\": 18446744073709551615"), "generation is not a number"},
      {with("\"generation\"", "\"x\""), "there is no generation"},
      {with("\"generation\"", "\"x\": 1, \"generation\""),
       "there is a member that this version does not know"},
      {with("\"changes\"", "\"change\""), "there is no changes"},
      {R"({"version": 1, "generation": 1, "changes": {}})", "changes is not an array"},
      {R"({"version": 1, "generation": 1, "changes": [1]})", "changes[0]: it is no object"},
      {with("\"pool\": \"shop\"", "\"pool\": 1"), "changes[0]: pool is not a string"},
      {with("\"pool\"", "\"Pool\""), "changes[0]: there is no pool"},
      {with("127.0.0.1:9003", "127.0.0.1"), "changes[0]: \"127.0.0.1\" is not an address"},
      {with(":9003", ":0"), "changes[0]: a backend's port cannot be 0"},
      {with("added", "gone"), "changes[0]: presence is none that this version knows"},
      {with("\"weight\": 2", "\"weight\": 4294967298"), "changes[0]: expected a weight from 0 to 1000"},
      {with("\"weight\": 2", "\"weight\": 2.0"), "changes[0]: weight is not a number"},
      {with("v2", "v 2"), "changes[0]: expected a tag"},
      {with("true", "1"), "changes[0]: drain is not true or false"},
      {with("\"drain\"", "\"slow\": 1, \"drain\""), "changes[0]: there is a member that this version"},
      {R"({"version": 1, "generation": 1, "changes": [
          {"pool": "a", "address": "127.0.0.1:1", "presence": "added"},
          {"pool": "a", "address": "127.0.0.1:1", "presence": "removed"}]})",
       "changes[1]: it is there twice"},
      {std::string(200'000, '['), "it is not valid JSON, or cut off"}};
  for (const auto& [text, message] : damages) {
    CAPTURE(text.substr(0, 300));
    const auto state = parse_state(text);
    REQUIRE_FALSE(state);
    CHECK(state.error().code == ErrorCode::malformed);
    CHECK_MESSAGE(state.error().message.starts_with(message), state.error().message);
  }
}

constexpr std::string_view kRouteText = R"({
  "version": 2,
  "generation": 4,
  "changes": [],
  "routes": [
    {
      "route": "shop",
      "split": {
        "blue": 90,
        "green": 10
      }
    }
  ]
}
)";

TEST_CASE("routes are saved, and only a file that has some is of the version that knows them") {
  const SavedState state = {.generation = 4,
                            .changes = {.routes = {{"shop", {{"blue", 90}, {"green", 10}}}}}};
  CHECK(*state_text(state) == kRouteText);
  CHECK(*parse_state(kRouteText) == state);
  CHECK(parse_state(R"({"version": 2, "generation": 1, "changes": []})")->changes.empty());
}

TEST_CASE("what only a newer Sluice can say of a backend makes the file one of its version") {
  SavedState state = {.generation = 4};
  state.changes.backends[{"shop", *Address::parse("127.0.0.1:9003")}] = {
      .presence = Presence::added, .max_requests = 7, .priority = 1, .zone = "a"};
  const std::string text = *state_text(state);
  CHECK(text.find("\"version\": 3") != std::string::npos);
  CHECK(*parse_state(text) == state);
  std::string older = text;
  older.replace(older.find(": 3"), 3, ": 2");
  CHECK(parse_state(older).error().message.starts_with("changes[0]: there is a member that this version"));
  std::string wrong = text;
  wrong.replace(wrong.find("\"priority\": 1"), 13, "\"priority\": 10");
  CHECK(parse_state(wrong).error().message == "changes[0]: expected a priority from 0 to 9");
}

TEST_CASE("weight 0 makes the file one that an older Sluice leaves alone") {
  SavedState state = {.generation = 4};
  state.changes.backends[{"shop", *Address::parse("127.0.0.1:9003")}] = {.weight = 0};
  const std::string text = *state_text(state);
  CHECK(text.find("\"version\": 4") != std::string::npos);
  CHECK(*parse_state(text) == state);
}

TEST_CASE("damage among the routes is told, too") {
  const auto damage = [](std::string_view before, std::string_view after) {
    std::string text(kRouteText);
    const auto place = text.find(before);
    REQUIRE(place != std::string::npos);
    const auto state = parse_state(text.replace(place, before.size(), after));
    REQUIRE_FALSE(state);
    return state.error().message;
  };
  CHECK(damage("90", "-1") == "routes[0]: a weight is not a number");
  CHECK(damage("90", "1001") == "routes[0]: expected weights from 0 to 1000");
  CHECK(damage("\"split\"", "\"x\"").starts_with("routes[0]: there is no split"));
  CHECK(damage("\"shop\"", "1") == "routes[0]: route is not a string");
  CHECK(damage("{\n      \"route\"", "1, {\n      \"route\"") == "routes[0]: it is no object");
  CHECK(damage("\"version\": 2", "\"version\": 1") == "there is a member that this version does not know");
}

TEST_CASE("a newer version's file is no damage") {
  const auto state = parse_state(with("\"version\": 1", "\"version\": 5, \"more\": {}"));
  REQUIRE_FALSE(state);
  CHECK(state.error().code == ErrorCode::unsupported);
  CHECK(state.error().message == "a newer Sluice wrote it (its version is 5, this one reads 4)");
}

TEST_CASE("what would not come back is refused rather than written") {
  SavedState state = kState;
  state.changes.backends = {{{"shop", Address::local("/\xff.sock")}, {.presence = Presence::added}}};
  CHECK(state_text(state).error().code == ErrorCode::usage);
  state = kState;
  state.changes.backends.begin()->second.weight = 1001;
  CHECK_FALSE(state_text(state));
}

}  // namespace
}  // namespace sluice::desired
