#include <sluice/observe/events.h>

#include <doctest/doctest.h>

namespace sluice::observe {
namespace {

struct LineLog final : Log {
  void write(LogLevel, std::string_view line) override { all.emplace_back(line); }
  std::vector<std::string> all;
};

struct Noted {
  HeldClock clock;
  Deadlines deadlines{clock};
  LineLog lines;
  Events events{lines, deadlines};

  void turn() {
    clock.advance(Duration{1});
    deadlines.expire();
  }
  std::vector<std::string> since(uint64_t number, size_t most = Events::kMost) const {
    std::vector<std::string> texts;
    for (const auto& event : events.since(number, most)) {
      texts.push_back(std::to_string(event.number) + " " + event.text);
    }
    return texts;
  }
};

using Texts = std::vector<std::string>;

TEST_CASE("events are what the log is told, but for details, and go on to the log") {
  Noted noted;
  noted.events.info("one");
  noted.events.debug("a detail");
  noted.events.error("two");
  CHECK(noted.since(0) == Texts{"1 one", "2 two"});
  CHECK(noted.since(1) == Texts{"2 two"});
  CHECK(noted.since(0, 1) == Texts{"1 one"});
  CHECK(noted.since(2).empty());
  CHECK(noted.lines.all == Texts{"one", "a detail", "two"});
  CHECK(noted.events.since(1)[0].level == LogLevel::error);
}

TEST_CASE("the newest thousand events are kept, and long ones cut") {
  Noted noted;
  for (size_t i = 1; i <= Events::kMost + 10; ++i) noted.events.info("event");
  noted.events.info(std::string(Events::kLongestText + 1, 'x'));
  const auto kept = noted.events.since(0);
  CHECK(kept.size() == Events::kMost);
  CHECK(kept.front().number == 12);
  CHECK(kept.back().text.size() == Events::kLongestText);
}

TEST_CASE("who waits is told in the next turn, and only of what came after it asked") {
  Noted noted;
  noted.events.info("one");
  int told = 0;
  Wait first = noted.events.when_after(1, [&] { ++told; });
  Wait dropped = noted.events.when_after(1, [&] { told += 100; });
  Wait later = noted.events.when_after(2, [&] { told += 10; });
  noted.turn();
  CHECK(told == 0);
  dropped.cancel();
  noted.events.info("two");
  CHECK(told == 0);
  noted.turn();
  CHECK(told == 1);
  noted.events.info("three");
  noted.turn();
  CHECK(told == 11);
  Wait at_once = noted.events.when_after(0, [&] { told = -1; });
  noted.turn();
  CHECK(told == -1);
}

TEST_CASE("only so many follow at a time") {
  Noted noted;
  std::vector<Events::Subscription> places;
  for (unsigned i = 0; i < Events::kMostFollowers; ++i) places.push_back(noted.events.follow());
  CHECK(places.back() != nullptr);
  CHECK(noted.events.follow() == nullptr);
  places.pop_back();
  CHECK(noted.events.follow() != nullptr);
}

TEST_CASE("events go on from those of the process before, and no number is given twice") {
  Noted old_one;
  old_one.events.info("started");
  old_one.events.info("backend down");
  Noted new_one;
  new_one.events.warning("few descriptors");
  new_one.events.seed(old_one.events.since(0));
  old_one.events.info("handed over");
  new_one.events.info("started");
  CHECK(new_one.since(0) == Texts{"1 started", "2 backend down", "1003 few descriptors", "1004 started"});
  CHECK(new_one.since(3) == Texts{"1003 few descriptors", "1004 started"});
}

TEST_CASE("who comes back goes on behind the process that had gone on from it, and has its events, too") {
  Noted old_one;
  old_one.events.info("started");
  Noted new_one;
  new_one.events.seed(old_one.events.since(0));
  old_one.events.info("handed over");
  new_one.events.info("worse");
  old_one.events.append_from(new_one.events.since(0), 0);
  old_one.events.info("came back");
  CHECK(old_one.since(0) == Texts{"1 started", "2 handed over", "1002 worse", "2003 came back"});
  old_one.events.append_from({}, 5000);
  old_one.events.info("alone");
  CHECK(old_one.since(2003) == Texts{"6001 alone"});
}

TEST_CASE("an event is taken apart into the fact and its fields") {
  const std::string text = "backend down" + field("pool", "shop") +
                           field("cause", "status 500: \"no\\way\" a=b") + field("failures", 3);
  const auto parts = parts_of(text);
  CHECK(parts.what == "backend down");
  REQUIRE(parts.fields.size() == 3);
  CHECK(parts.fields[0] == std::pair<std::string, std::string>{"pool", "shop"});
  CHECK(parts.fields[1] == std::pair<std::string, std::string>{"cause", "status 500: \"no\\way\" a=b"});
  CHECK(parts.fields[2].second == "3");
  CHECK(parts_of("").what.empty());
  CHECK(parts_of("x=\"cut").fields[0].second == "cut");
  CHECK(parts_of("no fields: A=b (c=d)").what == "no fields: A=b (c=d)");
  CHECK(parts_of("empty" + field("value", "")).fields[0].second.empty());
}

TEST_CASE("what is no UTF-8 is replaced") {
  Noted noted;
  noted.events.info("a \xff\xc3\xa4");
  CHECK(noted.since(0) == Texts{"1 a \xef\xbf\xbd\xc3\xa4"});
}

TEST_CASE("an event is one line, whatever it says") {
  LoggedEvent event{.number = 7, .level = LogLevel::warning, .text = "odd\nname"};
  CHECK(event_line(event) == "7 1970-01-01T00:00:00.000Z warning odd\\nname");
}

TEST_CASE("values come out of a line as they went in, and numbers can be told from texts") {
  for (const std::string value : {"a\nb", "\r\t\x01\x7f", "say \"x\\n\"", "\\x41", "plain", ""}) {
    const auto parts = parts_of("fact" + field("key", value));
    REQUIRE(parts.fields.size() == 1);
    CHECK(parts.fields[0].second == value);
  }
  for (const char* number : {"0", "7", "-3", "123456789012345"}) CHECK(is_number(number));
  for (const char* text : {"", "-", "007", "1.5", "1e3", "1234567890123456", "0x1"})
    CHECK_FALSE(is_number(text));
}

}  // namespace
}  // namespace sluice::observe
