// Listening sockets: which addresses are free, which process owns a Unix socket's file, and closing without
// losing a client.
#include <sluice/base/text.h>
#include <sluice/net/listening_socket.h>

#include <fcntl.h>
#include <netinet/in.h>

#include <cstdio>

#include "net/test_tools.h"

namespace sluice::net {
namespace {

using test::any_port;
using test::kLong;
using test::listen;
using test::RawSocket;

/// Accepts from `socket` without a loop.
RawSocket accept(const ListeningSocket& socket) {
  pollfd entry{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&entry, 1, static_cast<int>(kLong.count())) == 1);
  return RawSocket(::accept4(socket.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool exists(const Address& address) {
  return std::filesystem::exists(address.path());
}

TEST_CASE("with port 0 the kernel picks one, and the address says which") {
  const auto socket = listen();
  CHECK(socket.address().port() != 0);
  const auto client = RawSocket::connect(socket.address());
  accept(socket);
}

TEST_CASE("the descriptor is non-blocking and not inherited") {
  const auto socket = listen();
  CHECK((::fcntl(socket.descriptor(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(socket.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("an address that is in use is a conflict, and the error names it") {
  const auto socket = listen();
  const auto second = ListeningSocket::open(socket.address(), Sharing::alone);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().message == "cannot listen on " + socket.address().text() + ": address already in use");
  CHECK_FALSE(ListeningSocket::open(socket.address(), Sharing::reuse_port));
}

TEST_CASE("an address of another machine cannot be listened on") {
  const auto socket = ListeningSocket::open(*Address::parse("192.0.2.1:0"), Sharing::alone);
  REQUIRE_FALSE(socket);
  CHECK(socket.error().message == "cannot listen on 192.0.2.1:0: address not available");
}

TEST_CASE("sockets that share an address all get connections") {
  const auto first = listen(any_port(), Sharing::reuse_port);
  const auto second = listen(first.address(), Sharing::reuse_port);
  CHECK_FALSE(ListeningSocket::open(first.address(), Sharing::alone));
  std::vector<RawSocket> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(RawSocket::connect(first.address()));
  accept(first);
  accept(second);
}

TEST_CASE("check_free finds those who listen, also those who would share") {
  const auto free = listen().address();
  CHECK(ListeningSocket::check_free(free));
  const auto socket = listen(any_port(), Sharing::reuse_port);
  const auto taken = ListeningSocket::check_free(socket.address());
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == ErrorCode::conflict);
  CHECK(ListeningSocket::check_free(Address::local("/nowhere")));
}

TEST_CASE("an address that overlaps ours is free for us, and nobody else") {
  for (const auto* const text : {"127.0.0.1", "[::1]"}) {
    const auto narrow = listen(*Address::parse(concat({text, ":0"})), Sharing::reuse_port);
    const bool is_ipv4 = narrow.address().family() == Address::Family::ipv4;
    const auto port = std::to_string(narrow.address().port());
    const auto all = *Address::parse(concat({is_ipv4 ? "0.0.0.0:" : "[::]:", port}));
    const auto other = *Address::parse(concat({is_ipv4 ? "127.0.0.2:" : "[::2]:", port}));
    CHECK(overlap(narrow.address(), all));
    CHECK(overlap(all, narrow.address()));
    CHECK_FALSE(overlap(narrow.address(), other));
    CHECK_FALSE(overlap(all, Address::local("/a")));
    CHECK_FALSE(ListeningSocket::check_free(all));
    CHECK_FALSE(ListeningSocket::check_free(all, {*narrow.id() + 1'000'000}));
    CHECK(ListeningSocket::check_free(all, {*narrow.id()}));
    const auto wide = listen(all, Sharing::reuse_port);
    CHECK_FALSE(ListeningSocket::check_free(all, {*narrow.id()}));
    CHECK(ListeningSocket::check_free(all, {*narrow.id(), *wide.id()}));
  }
}

TEST_CASE("what is only bound takes nobody's clients, and keeps the address") {
  const auto narrow = listen(any_port(), Sharing::reuse_port);
  const auto all = *Address::parse(concat({"0.0.0.0:", std::to_string(narrow.address().port())}));
  auto wide = ListeningSocket::bind(all, Sharing::reuse_port);
  REQUIRE(wide);
  const auto first = RawSocket::connect(narrow.address());
  accept(narrow);
  CHECK_FALSE(ListeningSocket::check_free(all));
  REQUIRE(wide->listen());
  REQUIRE(wide->listen());
  const auto elsewhere =
      RawSocket::connect(*Address::parse(concat({"127.0.0.2:", std::to_string(narrow.address().port())})));
  accept(*wide);
}

TEST_CASE("a socket that yields its address keeps its queue, and new clients go to one that overlaps it") {
  for (const auto* const text : {"127.0.0.1", "[::1]"}) {
    std::optional<ListeningSocket> narrow =
        listen(*Address::parse(concat({text, ":0"})), Sharing::reuse_port);
    const Address address = narrow->address();
    const bool is_ipv4 = address.family() == Address::Family::ipv4;
    auto queued = RawSocket::connect(address);
    const auto wide =
        listen(*Address::parse(concat({is_ipv4 ? "0.0.0.0:" : "[::]:", std::to_string(address.port())})),
               Sharing::reuse_port);
    CHECK_FALSE(narrow->has_yielded());
    narrow->yield_address();
    REQUIRE(narrow->has_yielded());
    const auto next = RawSocket::connect(address);
    accept(wide);
    auto accepted = accept(*narrow);
    accepted.send("answer");
    CHECK(queued.receive() == "answer");
    const auto again = listen(address, Sharing::reuse_port);
    const auto last = RawSocket::connect(address);
    accept(again);
    narrow.reset();
    accepted.close();
    CHECK(queued.receive().empty());
  }
}

TEST_CASE("a socket that yields its address gets no client of those that share it already") {
  auto first = std::make_unique<ListeningSocket>(listen(any_port(), Sharing::reuse_port));
  const Address address = first->address();
  const auto second = listen(address, Sharing::reuse_port);
  first->yield_address();
  std::vector<RawSocket> clients;
  for (int i = 0; i < 32; ++i) clients.push_back(RawSocket::connecting(address));
  accept(second);
  pollfd queue{.fd = first->descriptor(), .events = POLLIN, .revents = 0};
  CHECK(::poll(&queue, 1, static_cast<int>(test::kShort.count())) == 0);
  first.reset();
  for (const auto& client : clients) CHECK(client.is_connected(kLong));
}

TEST_CASE("an address may be listened on again while its old connections end") {
  auto first = std::make_unique<ListeningSocket>(listen());
  const Address address = first->address();
  const auto client = RawSocket::connect(address);
  auto server = accept(*first);
  server.close();  // The side that closes first remembers the connection.
  first.reset();
  CHECK(ListeningSocket::open(address, Sharing::alone));
}

TEST_CASE("[::] leaves IPv4 to others") {
  // The kernel chose a port that is free for IPv6; another socket may have just that one for IPv4.
  bool has_both = false;
  for (int attempt = 0; attempt < 20 && !has_both; ++attempt) {
    const auto six = listen(*Address::parse("[::]:0"));
    const Address same_port = (*Address::parse("0.0.0.0:0")).with_port(six.address().port());
    has_both = static_cast<bool>(ListeningSocket::open(same_port, Sharing::alone));
  }
  CHECK(has_both);
}

TEST_CASE("moving a socket moves what it owns") {
  const test::TemporaryFolder folder;
  const auto open_descriptors = [] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      static_cast<void>(entry);
      ++count;
    }
    return count;
  };
  const int before = open_descriptors();
  {
    auto socket = listen(folder.address());
    ListeningSocket moved = std::move(socket);
    CHECK(exists(folder.address()));
    moved = listen();
    CHECK_FALSE(exists(folder.address()));
    auto& itself = moved;
    moved = std::move(itself);
    RawSocket::connect(moved.address());
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a Unix socket's file goes with the socket that made it, not with a duplicate") {
  const test::TemporaryFolder folder;
  auto socket = std::make_unique<ListeningSocket>(listen(folder.address()));
  {
    const auto copy = socket->duplicate();
    REQUIRE(copy);
    const auto client = RawSocket::connect(copy->address());
    accept(*copy);
  }
  CHECK(exists(folder.address()));
  socket.reset();
  CHECK_FALSE(exists(folder.address()));
}

TEST_CASE("a file that is another's by now stays") {
  const test::TemporaryFolder folder;
  auto old = std::make_unique<ListeningSocket>(listen(folder.address()));
  std::filesystem::remove(folder.address().path());
  const auto young = listen(folder.address());
  old.reset();
  CHECK(exists(folder.address()));
  RawSocket::connect(young.address());
}

TEST_CASE("a stale Unix socket file is replaced, a live one is a conflict") {
  const test::TemporaryFolder folder;
  {
    const SocketAddress target = to_socket_address(folder.address());
    const RawSocket dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(::bind(dead.descriptor(), target.get(), target.size) == 0);
    REQUIRE(::listen(dead.descriptor(), 1) == 0);
  }
  REQUIRE(exists(folder.address()));
  const auto socket = listen(folder.address());
  const auto second = ListeningSocket::open(folder.address(), Sharing::reuse_port);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::conflict);
  CHECK(second.error().message == "another process is listening on " + folder.address().text());
  CHECK(exists(folder.address()));
  RawSocket::connect(socket.address());
}

TEST_CASE("a file that is no socket is never removed") {
  const test::TemporaryFolder folder;
  std::fclose(std::fopen(folder.address().path().c_str(), "w"));
  const auto socket = ListeningSocket::open(folder.address(), Sharing::alone);
  CHECK_FALSE(socket);
  CHECK(exists(folder.address()));
}

TEST_CASE("a Unix socket in a folder that is not there is an error that says so") {
  const test::TemporaryFolder folder;
  const auto socket = ListeningSocket::open(Address::local(folder.file("no/socket")), Sharing::alone);
  REQUIRE_FALSE(socket);
  CHECK(socket.error().message.ends_with(": no such file or directory"));
}

TEST_CASE("refusing new connections loses none that is complete, open or in the queue") {
  for (const auto* text : {"127.0.0.1:0", "[::1]:0"}) {
    auto socket = listen(*Address::parse(text));
    auto open = RawSocket::connect(socket.address());
    auto server = accept(socket);
    auto queued = RawSocket::connect(socket.address());
    queued.send("in time");

    socket.refuse_new_connections();
    const auto late = RawSocket::connecting(socket.address());
    CHECK_FALSE(late.wait_for(POLLOUT, Duration{300}));

    open.send("still here");
    CHECK(server.receive() == "still here");
    server.send("me too");
    CHECK(open.receive() == "me too");
    auto accepted = accept(socket);
    CHECK(accepted.receive() == "in time");
    accepted.send("answer");
    CHECK(queued.receive() == "answer");
    accepted.close();
    CHECK(queued.receive().empty());
  }
}

TEST_CASE("a connection attempt that was refused silently goes to the socket that comes next") {
  auto first = std::make_unique<ListeningSocket>(listen(any_port(), Sharing::reuse_port));
  const Address address = first->address();
  first->refuse_new_connections();
  const auto client = RawSocket::connecting(address);
  CHECK_FALSE(client.wait_for(POLLOUT, test::kShort));
  const auto second = listen(address, Sharing::reuse_port);
  first.reset();
  CHECK(client.is_connected(kLong));  // By the client's own repetition.
  accept(second);
}

}  // namespace
}  // namespace sluice::net
