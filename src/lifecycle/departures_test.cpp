// Who has a connection while it moves: always one of the two processes, whatever happens between them.
#include <sluice/lifecycle/departures.h>
#include <sluice/net/fd_passing.h>

#include <fcntl.h>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

namespace sluice::lifecycle {
namespace {

struct Crossing {
  Crossing() {
    departures.on_returned([this](const auto& back) { returned += back.record.listener + " "; });
    departures.on_closed([this] { ++closed; });
  }
  void open(size_t room) {
    departures.open(room, [this](const auto& given) {
      const size_t count = std::min(given.size(), can_send);
      messages += std::to_string(count) + " ";
      return count;
    });
  }
  void add(const std::string& name) {
    departures.add(
        {.record = {.listener = name}, .client = net::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC))});
  }
  void add_tunnel() { departures.add({.record = {.listener = "t", .tunnel = proxy::TunnelRecord()}}); }
  void add(int count) {
    for (int i = 0; i < count; ++i) add(std::to_string(i));
  }

  std::string messages;
  std::string returned;
  int closed = 0;
  size_t can_send = 1000;
  Departures departures;
};

TEST_CASE("one message at a time: what comes meanwhile goes with the next, up to what one can carry") {
  Crossing at;
  at.open(1000);
  at.add(300);
  CHECK(at.messages == "1 ");
  CHECK(at.departures.size() == 300);
  at.departures.taken({}, 999);
  CHECK(at.departures.size() == 299);
  at.departures.taken({}, 1000);
  at.departures.taken({}, 1000);
  CHECK(at.messages == "1 253 46 ");
  CHECK(at.departures.size() == 0);
  CHECK(at.returned.empty());
}

TEST_CASE("no more go than the other process has room for, and the others go back") {
  Crossing at;
  at.open(3);
  at.add("a");
  at.add(5);
  at.departures.taken({}, 2);
  CHECK(at.messages == "1 2 ");
  CHECK(at.returned.empty());
  at.departures.taken({}, 0);
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
  at.departures.taken({}, 1000);
  CHECK(at.messages == "1 126 ");
  at.departures.taken({}, 5);
  CHECK(at.messages == "1 126 2 ");
  at.departures.taken({}, 1);
  CHECK(at.departures.size() == 0);
  CHECK(std::ranges::count(at.returned, ' ') == 72);
}

TEST_CASE("what the other process refuses goes back, once") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.add("b");
  at.add("c");
  at.departures.taken({}, 10);
  at.departures.taken({1, 1, 7}, 10);
  CHECK(at.returned == "c ");
  CHECK(at.departures.size() == 0);
  CHECK(at.departures.is_open());
}

TEST_CASE("what was not acknowledged when the other process ends goes back, sent or not") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.departures.taken({}, 10);
  at.add("b");
  at.add("c");
  at.departures.close();
  CHECK(at.returned == "b c ");
  CHECK(at.departures.size() == 0);
  CHECK_FALSE(at.departures.is_open());
}

TEST_CASE("at the process's end what was not sent goes back, and what was sent does not") {
  Crossing at;
  at.open(10);
  at.add("a");
  at.add("b");
  at.departures.give_up();
  CHECK(at.returned == "b ");
  CHECK_FALSE(at.departures.is_open());
  at.add("c");
  CHECK(at.returned == "b c ");
  at.departures.taken({0}, 10);
  CHECK(at.returned == "b c a ");
}

TEST_CASE("what cannot be sent for now goes with the next message; when nothing can, all go back") {
  Crossing at;
  at.open(100);
  at.add("a");
  at.add(5);
  at.can_send = 2;
  at.departures.taken({}, 100);
  CHECK(at.departures.size() == 5);
  at.can_send = 0;
  at.departures.taken({}, 100);
  CHECK(at.returned == "2 3 4 ");
  CHECK(at.departures.size() == 0);
}

TEST_CASE("while held nothing goes, and when the last message is answered it is known whose each one is") {
  Crossing at;
  at.open(1000);
  at.add(1);
  at.departures.hold(true);
  CHECK_FALSE(at.departures.is_quiet());
  at.add("later");
  at.departures.taken({}, 999);
  CHECK(at.departures.is_quiet());
  CHECK(at.messages == "1 ");
  at.departures.hold(false);
  CHECK(at.messages == "1 1 ");
  CHECK_FALSE(at.departures.is_quiet());
}

TEST_CASE("what is taken back is all that has not gone, and nobody is told of an end") {
  Crossing at;
  at.open(1000);
  at.add(3);
  auto back = at.departures.take_back();
  CHECK(back.size() == 3);
  CHECK(at.closed == 0);
  CHECK(at.returned.empty());
  CHECK(at.departures.size() == 0);
  at.open(1000);  // The next process.
  at.add("next");
  CHECK(at.messages == "1 1 ");
}

}  // namespace
}  // namespace sluice::lifecycle
