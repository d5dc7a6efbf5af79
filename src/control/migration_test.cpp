// Which process has a connection while it moves: always one of the two, whatever happens between them.
#include <sluice/control/migration.h>
#include <sluice/net/message_channel.h>

#include <fcntl.h>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

namespace sluice::control {
namespace {

struct Crossing {
  Crossing() {
    migration.on_returned([this](const auto& back) { returned += back.record.listener + " "; });
    migration.on_closed([this] { ++closed; });
  }
  void open(size_t room) {
    migration.open(room, [this](const auto& given) {
      const size_t count = std::min(given.size(), can_send);
      messages += std::to_string(count) + " ";
      return count;
    });
  }
  void add(const std::string& name) {
    migration.add(
        {.record = {.listener = name}, .client = net::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))});
  }
  void add_tunnel() { migration.add({.record = {.listener = "t", .tunnel = proxy::TunnelState()}}); }
  void add(int count) {
    for (int i = 0; i < count; ++i) add(std::to_string(i));
  }

  std::string messages;
  std::string returned;
  int closed = 0;
  size_t can_send = 1000;
  Migration migration;
};

TEST_CASE("one message at a time: what comes meanwhile goes with the next, up to what one can carry") {
  Crossing at;
  at.open(1000);
  at.add(300);
  CHECK(at.messages == "1 ");
  CHECK(at.migration.size() == 300);
  at.migration.acknowledge({}, 999);
  CHECK(at.migration.size() == 299);
  at.migration.acknowledge({}, 1000);
  at.migration.acknowledge({}, 1000);
  CHECK(at.messages == "1 253 46 ");
  CHECK(at.migration.size() == 0);
  CHECK(at.returned.empty());
}

TEST_CASE("no more go than the other process has room for, and the others go back") {
  Crossing at;
  at.open(3);
  at.add("a");
  at.add(5);
  at.migration.acknowledge({}, 2);
  CHECK(at.messages == "1 2 ");
  CHECK(at.returned.empty());
  at.migration.acknowledge({}, 0);
  CHECK(at.returned == "2 3 4 ");
  CHECK(at.closed == 1);
  at.add("late");
  CHECK(at.returned == "2 3 4 late ");
}

TEST_CASE("a tunnel has two descriptors, which go together or not at all") {
  Crossing at;
  at.open(1000);
  at.add("first");
  for (int i = 0; i < 200; ++i) at.add_tunnel();
  at.migration.acknowledge({}, 1000);
  CHECK(at.messages == "1 126 ");
  at.migration.acknowledge({}, 5);
  CHECK(at.messages == "1 126 2 ");
  at.migration.acknowledge({}, 1);
  CHECK(at.migration.size() == 0);
  CHECK(std::ranges::count(at.returned, ' ') == 72);
}

TEST_CASE("a tunnel for which there is no room holds up none behind it") {
  Crossing at;
  at.open(1);
  SUBCASE("at the head from the first") {
    at.add_tunnel();
    at.add("a");
    at.add("b");
  }
  SUBCASE("behind one that is under way") {
    at.add("a");
    at.add_tunnel();
    at.add_tunnel();
    at.add("b");
    at.migration.acknowledge({}, 1);
  }
  CHECK(at.returned.starts_with("t "));
  at.migration.acknowledge({}, 1);
  CHECK(at.messages == "1 1 ");
  CHECK(at.closed == 0);
  CHECK(at.migration.is_open());
}

TEST_CASE("what the other process refuses goes back, once") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.add("b");
  at.add("c");
  at.migration.acknowledge({}, 10);
  at.migration.acknowledge({1, 1, 7}, 10);
  CHECK(at.returned == "c ");
  CHECK(at.migration.size() == 0);
  CHECK(at.migration.is_open());
}

TEST_CASE("what was not acknowledged when the other process ends goes back, sent or not") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.migration.acknowledge({}, 10);
  at.add("b");
  at.add("c");
  at.migration.close();
  CHECK(at.returned == "b c ");
  CHECK(at.migration.size() == 0);
  CHECK_FALSE(at.migration.is_open());
}

TEST_CASE("at the process's end what was not sent goes back, and what was sent does not") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.add("b");
  at.migration.abandon();
  CHECK(at.returned == "b ");
  CHECK_FALSE(at.migration.is_open());
  at.add("c");
  CHECK(at.returned == "b c ");
  at.migration.acknowledge({0}, 10);
  CHECK(at.returned == "b c a ");
}

TEST_CASE("what cannot be sent for now goes with the next message; when nothing can, all go back") {
  Crossing at;
  at.open(100);
  at.add("a");
  at.add(5);
  at.can_send = 2;
  at.migration.acknowledge({}, 100);
  CHECK(at.migration.size() == 5);
  at.can_send = 0;
  at.migration.acknowledge({}, 100);
  CHECK(at.returned == "2 3 4 ");
  CHECK(at.migration.size() == 0);
}

TEST_CASE("while held nothing goes, and when the last message is answered it is known whose each one is") {
  Crossing at;
  at.open(1000);
  at.add(1);
  at.migration.pause(true);
  CHECK_FALSE(at.migration.is_acknowledged());
  at.add("later");
  at.migration.acknowledge({}, 999);
  CHECK(at.migration.is_acknowledged());
  CHECK(at.messages == "1 ");
  at.migration.pause(false);
  CHECK(at.messages == "1 1 ");
  CHECK_FALSE(at.migration.is_acknowledged());
}

TEST_CASE("what is taken back is all that has not gone, and no end is reported") {
  Crossing at;
  at.open(1000);
  at.add(3);
  auto back = at.migration.reclaim();
  CHECK(back.size() == 3);
  CHECK(at.closed == 0);
  CHECK(at.returned.empty());
  CHECK(at.migration.size() == 0);
  at.open(1000);  // The next process.
  at.add("next");
  CHECK(at.messages == "1 1 ");
}

}  // namespace
}  // namespace sluice::control
