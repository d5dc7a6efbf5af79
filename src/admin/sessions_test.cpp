// Idle sessions of the admin socket, and the room that they make.
#include "admin/sessions.h"

#include <vector>

#include "base/remembering_log.h"
#include "net/test_tools.h"

namespace sluice::admin {
namespace {

using net::test::kLong;
using net::test::RawSocket;

struct Socket {
  explicit Socket(SessionLimits limits)
      : sessions(
            loop, log, limits, [this] { acceptor->pause(); }, [this] { acceptor->resume(); }) {}

  RawSocket connect() {
    auto socket = RawSocket::connect(folder.address());
    const size_t before = accepted;
    REQUIRE(loop.run_until([&] { return accepted > before; }, kLong));
    return socket;
  }
  /// What is sent to it from now on, up to its end or a bit of silence.
  std::string hear(const RawSocket& socket) {
    std::string text;
    loop.run_until([&] { return socket.wait_for(POLLIN, Duration{0}); }, kLong);
    if (socket.wait_for(POLLIN, Duration{0})) text = socket.receive();
    return text;
  }
  bool has_ended(const RawSocket& socket) {
    return loop.run_until([&] { return socket.wait_for(POLLIN, Duration{0}) && socket.receive().empty(); },
                          kLong);
  }

  net::test::TemporaryFolder folder;
  net::Loop loop;
  RememberingLog log;
  net::ListeningSocket listening = *net::ListeningSocket::open(folder.address(), net::Sharing::alone);
  size_t accepted = 0;
  Sessions sessions;
  std::unique_ptr<net::Acceptor> acceptor =
      loop.accept(listening, [this](std::unique_ptr<net::Transport> transport) {
        ++accepted;
        sessions.add(std::move(transport), {});
      });
};

TEST_CASE("at the bound the session that was idle for longest makes room, and hears why") {
  Socket socket({.most = 3, .spare = 2, .at_least = Duration{0}});
  std::vector<RawSocket> idle;
  for (int i = 0; i < 3; ++i) idle.push_back(socket.connect());
  socket.loop.run_until([] { return false; }, Duration{3});  // Times are whole milliseconds.
  idle[0].send("help\n");  // Of the three the second one is idle for longest now.
  CHECK(socket.hear(idle[0]).find("backend") != std::string::npos);
  const RawSocket late = socket.connect();
  late.send("help version\n");
  CHECK(socket.hear(late).find("version") != std::string::npos);
  CHECK(socket.hear(idle[1]).starts_with("error failed: too many sessions"));
  CHECK(socket.has_ended(idle[1]));
  CHECK(socket.sessions.size() == 3);
  CHECK(socket.log.has("idle for longest makes room"));
  CHECK(socket.log.has("pid=" + std::to_string(::getpid())));
}

TEST_CASE("half sent lines and peers that do not read count as idle") {
  Socket socket({.most = 2, .spare = 1, .at_least = Duration{0}});
  const RawSocket half = socket.connect();
  half.send("statu");
  const RawSocket deaf = socket.connect();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "help\n";
  deaf.send(many);
  for (int i = 0; i < 10; ++i) {
    const RawSocket next = socket.connect();
    next.send("help version\n");
    CHECK(socket.hear(next).find("version") != std::string::npos);
  }
  CHECK(socket.sessions.size() <= 3);
}

TEST_CASE("who has just connected may speak before it has to make room") {
  Socket socket({.most = 1, .spare = 3, .at_least = Duration{300}});
  std::vector<RawSocket> all;
  for (int i = 0; i < 3; ++i) all.push_back(socket.connect());
  for (const RawSocket& each : all) {
    each.send("help version\n");
    CHECK(socket.hear(each).find("version") != std::string::npos);
  }
  CHECK(socket.loop.run_until([&] { return socket.sessions.size() == 1; }, kLong));
}

TEST_CASE("an idle session ends after its time, however slowly it sends its line") {
  Socket socket({.idle = Duration{100}});
  const RawSocket silent = socket.connect();
  const RawSocket slow = socket.connect();
  slow.send("s");
  CHECK(socket.hear(silent).starts_with("error timed_out: "));
  CHECK(socket.has_ended(silent));
  CHECK(socket.has_ended(slow));
  CHECK(socket.loop.run_until([&] { return socket.sessions.size() == 0; }, kLong));
}

TEST_CASE("a last line without its newline is not done, and the peer that ended hears so") {
  Socket socket({});
  const RawSocket cut = socket.connect();
  cut.send("help version\nhelp ver");
  ::shutdown(cut.descriptor(), SHUT_WR);
  std::string text;
  socket.loop.run_until(
      [&] {
        text += cut.wait_for(POLLIN, Duration{0}) ? cut.receive() : "";
        return text.find("error usage") != std::string::npos;
      },
      kLong);
  CHECK(text.find("ok\nerror usage: the last line does not end in a newline") != std::string::npos);
}

}  // namespace
}  // namespace sluice::admin
