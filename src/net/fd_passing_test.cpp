// Messages with descriptors between two ends of a Unix socket: whole, in order, bounded.
#include <sluice/net/fd_passing.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::inode;
using test::kLong;
using test::RawSocket;

struct Inbox final : MessageReader {
  std::vector<Message> messages;
  std::optional<Error> end;
  void on_message(Message message) override { messages.push_back(std::move(message)); }
  void on_end(Error why) override { end = std::move(why); }
};

/// Two channels, or a channel and a plain socket.
struct Ends {
  Ends() {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    left = Descriptor(pair[0]);
    right = Descriptor(pair[1]);
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kLong); }

  Loop loop;
  Descriptor left;
  Descriptor right;
};

std::vector<Descriptor> pipes(size_t count) {
  std::vector<Descriptor> all;
  while (all.size() < count) {
    int pair[2];
    REQUIRE(::pipe2(pair, O_CLOEXEC) == 0);
    all.emplace_back(pair[0]);
    const Descriptor unused(pair[1]);
  }
  return all;
}

std::string framed(std::string_view text, char descriptors = 0) {
  std::string bytes = {0, 0, 0, static_cast<char>(text.size()), 0, 0, 0, descriptors};
  return bytes.append(text);
}

TEST_CASE("messages arrive whole and in order, each with its own descriptors, closed on exec") {
  Ends ends;
  SocketChannel sender(ends.loop, std::move(ends.left));
  SocketChannel receiver(ends.loop, std::move(ends.right));
  Inbox inbox;
  receiver.start_reading(inbox);
  std::vector<uint64_t> sent;
  for (const size_t count : {size_t{0}, size_t{1}, kMostDescriptorsInMessage, size_t{2}, size_t{0}}) {
    auto descriptors = pipes(count);
    for (const auto& descriptor : descriptors) sent.push_back(inode(descriptor.get()));
    sender.send(test::pattern(count * 1000), std::move(descriptors));
  }
  REQUIRE(ends.until([&] { return inbox.messages.size() == 5; }));
  std::vector<uint64_t> came;
  for (const auto& message : inbox.messages) {
    CHECK(message.text == test::pattern(message.descriptors.size() * 1000));
    for (const auto& descriptor : message.descriptors) {
      came.push_back(inode(descriptor.get()));
      CHECK(::fcntl(descriptor.get(), F_GETFD) == FD_CLOEXEC);
    }
  }
  CHECK(came == sent);
  CHECK(sender.has_sent_all());
}

TEST_CASE("what the kernel does not take at once is sent when the other side reads") {
  Ends ends;
  SocketChannel sender(ends.loop, std::move(ends.left));
  const std::string text = test::pattern(size_t{4} << 20);
  for (int i = 0; i < 3; ++i) sender.send(text, pipes(100));
  CHECK_FALSE(sender.has_sent_all());
  SocketChannel receiver(ends.loop, std::move(ends.right));
  Inbox inbox;
  receiver.start_reading(inbox);
  REQUIRE(ends.until([&] { return inbox.messages.size() == 3; }));
  CHECK(sender.has_sent_all());
  for (const auto& message : inbox.messages) {
    CHECK(message.text == text);
    CHECK(message.descriptors.size() == 100);
  }
}

TEST_CASE("the last words of one who hangs up are heard, even though nothing can be sent any more") {
  for (const bool leaves_unread : {false, true}) {
    CAPTURE(leaves_unread);
    Ends ends;
    SocketChannel channel(ends.loop, std::move(ends.left));
    if (leaves_unread) channel.send("hello");
    REQUIRE(::send(ends.right.get(), framed("no").data(), framed("no").size(), 0) == 10);
    ends.right = Descriptor();
    if (!leaves_unread) channel.send("hello");
    Inbox inbox;
    channel.start_reading(inbox);
    REQUIRE(ends.until([&] { return inbox.end.has_value(); }));
    REQUIRE(inbox.messages.size() == 1);
    CHECK(inbox.messages[0].text == "no");
  }
}

TEST_CASE("a message may come byte by byte, and begin before the channel does") {
  Ends ends;
  const std::string bytes = framed("hello") + framed("again");
  SocketChannel receiver(ends.loop, std::move(ends.right), std::string_view(bytes).substr(0, 7));
  const RawSocket raw(ends.left.release());
  Inbox inbox;
  receiver.start_reading(inbox);
  for (const char byte : bytes.substr(7)) {
    raw.send(std::string(1, byte));
    ends.loop.run_until([] { return false; }, Duration{1});
  }
  REQUIRE(ends.until([&] { return inbox.messages.size() == 2; }));
  CHECK(inbox.messages[0].text == "hello");
  CHECK(inbox.messages[1].text == "again");
}

TEST_CASE("whole messages that came before are delivered though nothing follows") {
  Ends ends;
  SocketChannel receiver(ends.loop, std::move(ends.right), framed("hello"));
  Inbox inbox;
  receiver.start_reading(inbox);
  CHECK(inbox.messages.empty());
  CHECK(ends.until([&] { return inbox.messages.size() == 1; }));
}

TEST_CASE("the end of the other side is told, after what it has said") {
  Ends ends;
  SocketChannel receiver(ends.loop, std::move(ends.right));
  Inbox inbox;
  receiver.start_reading(inbox);
  RawSocket raw(ends.left.release());
  raw.send(framed("bye"));
  raw.close();
  REQUIRE(ends.until([&] { return inbox.end.has_value(); }));
  CHECK(inbox.messages.size() == 1);
  CHECK(inbox.end->code == ErrorCode::closed);
}

TEST_CASE("what is no message ends the channel, in the other side's own words when it has some") {
  const auto told = [](const std::string& bytes) {
    Ends ends;
    SocketChannel receiver(ends.loop, std::move(ends.right));
    Inbox inbox;
    receiver.start_reading(inbox);
    const RawSocket raw(ends.left.release());
    raw.send(bytes);
    REQUIRE(ends.until([&] { return inbox.end.has_value(); }));
    CHECK(inbox.messages.empty());
    CHECK(inbox.end->code == ErrorCode::malformed);
    return inbox.end->message;
  };
  CHECK(told("error usage: unknown command\n") == "the other side said: error usage: unknown command");
  CHECK(told("\xff\xff\xff\xff\xff\xff\xff\xff") == "the other side sent what is no message");
  CHECK(told(framed("x", 1)) == "a message came without its descriptors");
}

TEST_CASE("a message over its bounds is not sent, and told") {
  Ends ends;
  SocketChannel sender(ends.loop, std::move(ends.left));
  Inbox inbox;
  sender.start_reading(inbox);
  sender.send("x", pipes(kMostDescriptorsInMessage + 1));
  REQUIRE(ends.until([&] { return inbox.end.has_value(); }));
  CHECK(inbox.end->code == ErrorCode::too_large);
}

TEST_CASE("a message to who is gone is an end, too") {
  Ends ends;
  SocketChannel sender(ends.loop, std::move(ends.left));
  Inbox inbox;
  sender.start_reading(inbox);
  { const Descriptor closed = std::move(ends.right); }
  sender.send("x");
  CHECK(ends.until([&] { return inbox.end.has_value(); }));
}

TEST_CASE("the kernel tells who is at the other end") {
  Ends ends;
  const SocketChannel channel(ends.loop, std::move(ends.left));
  const auto peer = channel.peer();
  REQUIRE(peer);
  CHECK(peer->process == ::getpid());
  CHECK(peer->user == ::getuid());
}

TEST_CASE("a listening socket that was passed on is the same socket, with its queue and its file") {
  const test::TemporaryFolder folder;
  for (const Address& address : {test::any_port(), folder.address()}) {
    auto given = std::make_unique<ListeningSocket>(test::listen(address));
    const RawSocket waiting = RawSocket::connect(given->address());
    Ends ends;
    SocketChannel sender(ends.loop, std::move(ends.left));
    SocketChannel receiver(ends.loop, std::move(ends.right));
    Inbox inbox;
    receiver.start_reading(inbox);
    std::vector<Descriptor> descriptors;
    descriptors.push_back(*Descriptor::duplicate_of(given->descriptor()));
    sender.send("", std::move(descriptors));
    REQUIRE(ends.until([&] { return inbox.messages.size() == 1; }));
    auto taken = ListeningSocket::adopt(std::move(inbox.messages[0].descriptors[0]));
    REQUIRE(taken);
    CHECK(taken->address() == given->address());
    CHECK(inode(taken->descriptor()) == inode(given->descriptor()));
    given->leave_file();
    taken->take_file();
    given.reset();
    bool accepted = false;
    const auto acceptor = ends.loop.accept(*taken, [&](std::unique_ptr<Transport>) { accepted = true; });
    CHECK(ends.until([&] { return accepted; }));
    const RawSocket another = RawSocket::connect(taken->address());
  }
  struct stat file {};
  CHECK(::lstat(folder.address().path().c_str(), &file) != 0);
}

TEST_CASE("what is no listening socket is not adopted") {
  CHECK_FALSE(ListeningSocket::adopt(std::move(pipes(1)[0])));
  Ends ends;
  CHECK_FALSE(ListeningSocket::adopt(std::move(ends.left)));
}

}  // namespace
}  // namespace sluice::net
