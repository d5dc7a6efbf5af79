// What every message channel promises: one on a socket, and one in a test's memory.
#include <sluice/net/fd_passing.h>
#include <sluice/net/message_channel.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/test_channel.h"
#include "net/test_tools.h"

namespace sluice::net {
namespace {

enum class Channels { on_sockets, in_memory };
constexpr Channels kChannels[] = {Channels::on_sockets, Channels::in_memory};

struct Conversation {
  explicit Conversation(Channels kind) {
    if (kind == Channels::in_memory) {
      test::MemoryChannels pair(loop);
      one = std::move(pair.one);
      other = std::move(pair.other);
      return;
    }
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    one = std::make_unique<SocketChannel>(loop, Descriptor(pair[0]));
    other = std::make_unique<SocketChannel>(loop, Descriptor(pair[1]));
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, test::kLong); }

  Loop loop;
  std::unique_ptr<MessageChannel> one;
  std::unique_ptr<MessageChannel> other;
};

/// "a b1 (closed)": each message with the number of its descriptors if it has some, and the end.
struct Heard final : MessageReader {
  std::string text;
  std::vector<Descriptor> descriptors;
  std::optional<Error> end;
  std::function<void()> then = [] {};

  void on_message(Message message) override {
    text += message.text;
    if (!message.descriptors.empty()) text += std::to_string(message.descriptors.size());
    text += ' ';
    for (auto& each : message.descriptors) descriptors.push_back(std::move(each));
    const auto callback = then;
    callback();
  }
  void on_end(Error why) override { end = std::move(why); }
};

std::vector<Descriptor> files(size_t count) {
  std::vector<Descriptor> all;
  while (all.size() < count) all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return all;
}

TEST_CASE("messages come whole, in order, with their descriptors, and none under the call that reads") {
  for (const Channels kind : kChannels) {
    CAPTURE(kind);
    Conversation talk(kind);
    talk.one->send("a");
    talk.one->send("b", files(2));
    Heard heard;
    talk.other->start_reading(heard);
    CHECK(heard.text == "");
    REQUIRE(talk.until([&] { return heard.text.size() >= 5; }));
    talk.one->send("", files(1));
    talk.other->send("back");
    Heard back;
    talk.one->start_reading(back);
    REQUIRE(talk.until([&] { return heard.text.size() >= 7 && !back.text.empty(); }));
    CHECK(heard.text == "a b2 1 ");
    CHECK(heard.descriptors.size() == 3);
    CHECK(back.text == "back ");
    CHECK_FALSE(heard.end);
    CHECK(talk.one->has_sent_all());
  }
}

TEST_CASE("the end comes once, after what was said before it, and the channel is broken then") {
  for (const Channels kind : kChannels) {
    CAPTURE(kind);
    Conversation talk(kind);
    talk.one->send("last");
    talk.one->send("words");
    talk.one.reset();
    Heard heard;
    talk.other->start_reading(heard);
    REQUIRE(talk.until([&] { return heard.end.has_value(); }));
    CHECK(heard.text == "last words ");
    CHECK(heard.end->code == ErrorCode::closed);
    CHECK(talk.other->is_broken());
    talk.other->send("too late");
    Heard again;
    talk.other->start_reading(again);
    talk.loop.run_until([] { return false; }, test::kShort);
    CHECK_FALSE(again.end);
  }
}

TEST_CASE("a reader may drop the channel; what came behind the message is lost with it") {
  for (const Channels kind : kChannels) {
    CAPTURE(kind);
    Conversation talk(kind);
    Heard heard;
    Heard back;
    heard.then = [&] { talk.other.reset(); };
    talk.one->send("a");
    talk.one->send("b", files(1));
    talk.other->start_reading(heard);
    talk.one->start_reading(back);
    REQUIRE(talk.until([&] { return back.end.has_value(); }));
    CHECK(heard.text == "a ");
    CHECK_FALSE(heard.end);
  }
}

TEST_CASE("a message over its bounds is not sent, and ends the channel") {
  for (const Channels kind : kChannels) {
    CAPTURE(kind);
    Conversation talk(kind);
    Heard heard;
    Heard other;
    talk.one->start_reading(heard);
    talk.other->start_reading(other);
    talk.one->send("x", files(kMostDescriptorsInMessage + 1));
    CHECK(talk.one->is_broken());
    REQUIRE(talk.until([&] { return heard.end.has_value(); }));
    CHECK(heard.end->code == ErrorCode::too_large);
    CHECK(other.text == "");
  }
}

TEST_CASE("at the other end is a process of this user") {
  for (const Channels kind : kChannels) {
    CAPTURE(kind);
    const Conversation talk(kind);
    const auto peer = talk.one->peer();
    REQUIRE(peer);
    CHECK(peer->process == ::getpid());
    CHECK(peer->user == ::geteuid());
  }
}

}  // namespace
}  // namespace sluice::net
