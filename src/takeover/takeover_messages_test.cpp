// The messages of a takeover: what is sent is what is read, by the next release, too.
#include "takeover/takeover_messages.h"

#include <string>

#include "desired/test_tools.h"

namespace sluice::takeover {
namespace {

using desired::at;

TakeoverMessage there_and_back(const TakeoverMessage& message) {
  const auto text = takeover_text(message);
  REQUIRE(text);
  const auto parsed = parse_takeover(*text);
  REQUIRE(parsed);
  return *parsed;
}

constexpr std::chrono::sys_time<std::chrono::milliseconds> kTime{std::chrono::milliseconds(1764000000123)};

TEST_CASE("every message comes back as it was") {
  observe::Totals totals{
      .accepted = 6, .retries = 7, .connections_accepted = 8, .connections = 9, .connections_displaced = 10};
  totals.ended = {1, 0, 2, 0, 0, 0, 0, 3};
  totals.tallies[{"shop", "v1", observe::Event::retried, "backend_closed"}] = 4;
  desired::SavedState saved{.generation = 12};
  saved.changes.backends[{"shop", at(9001)}] = {.presence = desired::BackendChange::Presence::removed};
  const TakeoverMessage messages[] = {
      HelloMessage{.newest = 3, .oldest = 2, .sluice = "1.2.3", .binary = "/opt/sluice", .process = 4711},
      HelloMessage{.comes_back = true},
      SocketsMessage{{{control::HandedSocket::Kind::listener, "0.0.0.0:80", 0},
                      {control::HandedSocket::Kind::listener, "unix:/run/w", 7, true},
                      {control::HandedSocket::Kind::admin, "/run/a \"quoted\"", 0},
                      {control::HandedSocket::Kind::state_lock, "/var/s.json", 0}}},
      StateMessage{
          .version = 1,
          .state =
              {.process = 5,
               .saved = saved,
               .reads = 7,
               .backends = {{"shop", at(9001), upstream::HealthState::draining},
                            {"shop",
                             at(9003),
                             upstream::HealthState::healthy,
                             {.cause = "5 failures in a row", .ejections = 3, .ejected = Duration(700)}},
                            {"shop",
                             at(9004),
                             upstream::HealthState::draining,
                             {.cause = "a response said X-Bye", .held_draining = Duration(30'000)}},
                            {"shop", at(9005), upstream::HealthState::healthy, {.warming = Duration(1500)}},
                            {"shop", at(9002), upstream::HealthState::down}},
               .places = {{"a:80", {{.address = at(80)}, {.address = at(81)}}},
                          {"srv:b", {{.address = at(82), .weight = 7, .priority = 2}}}},
               .events = {{.number = 3, .time = {}, .level = LogLevel::error, .text = "a b=\"c\""},
                          {.number = 5, .time = kTime, .level = LogLevel::info, .text = "d"}},
               .listening = {7, 4'000'000'000'000}}},
      ReadyMessage{.listeners = {"a", "b"}, .admin = true},
      ReadyMessage{.listeners = {"a"}, .admin = true, .room = 5, .probation = true},
      RefusedMessage{.code = ErrorCode::conflict, .message = "one at a time"},
      ActivateMessage{.totals = totals, .predecessors = 2},
      ActivateMessage{.totals = totals, .reload = true},
      ActivateMessage{.totals = totals, .stops = 2},
      ActivateMessage{.totals = totals, .stands_by = ErrorRate{.answers = 40, .failures = 2}},
      ChangesMessage{.saved = {.generation = 9, .changes = saved.changes}},
      HeartbeatMessage{.generation = 7, .totals = totals, .in_flight = 3},
      VerdictMessage{.verdict = Verdict::passed, .why = "the time is over"},
      VerdictMessage{.verdict = Verdict::roll_back, .why = "it answers worse"},
      VerdictMessage{.verdict = Verdict::stopping},
  };
  for (const auto& message : messages) CHECK(there_and_back(message) == message);
}

TEST_CASE("what the next release adds is passed over") {
  const auto parsed = parse_takeover(R"({"message":"ready","colour":"red","listeners":["a"],"admin":false})");
  REQUIRE(parsed);
  CHECK(*parsed == TakeoverMessage(ReadyMessage{.listeners = {"a"}}));
}

TEST_CASE("a release that does not say which state files it reads knows no weight of 0") {
  std::string text = *takeover_text(StateMessage{});
  text.replace(text.find("\"reads\""), 7, "\"x\"");
  const auto parsed = parse_takeover(text);
  REQUIRE(parsed);
  CHECK(std::get<StateMessage>(*parsed).state.reads == 3);
}

TEST_CASE("what the next release counts and this one does not know keeps the sum") {
  const auto parsed = parse_takeover(
      R"({"message":"yours","totals":{"accepted":5,"ended":{"ok":3,"eaten_by_dog":2},"retries":0,)"
      R"("connections_accepted":0,"connections":0},"predecessors":0})");
  REQUIRE(parsed);
  uint64_t sum = 0;
  for (const uint64_t count : std::get<ActivateMessage>(*parsed).totals.ended) sum += count;
  CHECK(sum == 5);
}

TEST_CASE("damaged messages are errors, never half read") {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"message":"go"})", R"({"message":1})", R"({"message":"hello"})",
        R"({"message":"hello","newest":-1,"oldest":1,"sluice":"","process":1})",
        R"({"message":"hello","newest":1,"oldest":1,"sluice":"","process":99999999999})",
        R"({"message":"sockets","sockets":[{"kind":"hat","name":"x","index":0}]})",
        R"({"message":"sockets","sockets":{}})", R"({"message":"ready","listeners":[1],"admin":true})",
        R"({"message":"state","version":1,"process":1,"saved":{},"backends":[]})",
        R"({"message":"yours","totals":[],"predecessors":0})", R"({"message":"beat","generation":1})",
        R"({"message":"verdict","verdict":"guilty","why":""})",
        R"({"message":"verdict","verdict":"passed"})"}) {
    const auto parsed = parse_takeover(text);
    CHECK_MESSAGE(!parsed.has_value(), text);
  }
}

TEST_CASE("a name that is no UTF-8 is not passed on as another") {
  CHECK_FALSE(takeover_text(SocketsMessage{{{control::HandedSocket::Kind::listener, "unix:/\xff", 0}}}));
}

TEST_CASE("two releases find the newest version that both speak, or say why there is none") {
  CHECK(*common_version({}) == kNewestTakeover);
  CHECK(*common_version({.newest = kNewestTakeover + 5, .oldest = kNewestTakeover}) == kNewestTakeover);
  const auto none = common_version({.newest = kNewestTakeover + 5, .oldest = kNewestTakeover + 1});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::unsupported);
  CHECK_FALSE(common_version({.newest = kOldestTakeover - 1, .oldest = 0}));
}

}  // namespace
}  // namespace sluice::takeover
