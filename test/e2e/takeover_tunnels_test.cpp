// Tunnels in a takeover: both sides go on in the new process, and the sequence of bytes does not break.
#include <sys/socket.h>

#include <algorithm>

#include "echo_origin.h"
#include "fixtures.h"
#include "plain_socket.h"
#include "probation.h"
#include "raw_client.h"
#include "successors.h"
#include "takeover_peer.h"
#include "websocket_script.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

const std::string kUpgrade =
    "GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUser-Agent: tester\r\n\r\n";

/// A client whose every byte says where in the sequence it is, and who checks every byte that comes back.
class Sequence {
 public:
  explicit Sequence(int port, int receive_buffer_bytes = 0) : socket_(port, receive_buffer_bytes) {}

  void ask() { REQUIRE(socket_.send(kUpgrade)); }
  bool has_begun() {
    const auto read_on = [this] {
      while (!head_.ends_with("\r\n\r\n")) {
        const auto came = socket_.receive_some(1);
        if (came.bytes.empty()) return false;
        head_ += came.bytes;
      }
      return true;
    };
    return eventually(read_on);
  }
  /// Sends while no more than this is under way.
  void send(size_t most_under_way) {
    while (is_whole() && sent_ - received_ < most_under_way) {
      std::string piece(std::min<size_t>(4096, most_under_way - (sent_ - received_)), '\0');
      for (size_t i = 0; i < piece.size(); ++i) piece[i] = byte_at(sent_ + i);
      const size_t taken = socket_.send_some(piece);
      sent_ += taken;
      if (taken < piece.size()) return;
    }
  }
  /// All that has come.
  void receive() {
    while (end_ == End::none) {
      const auto came = socket_.receive_some(65536);
      for (const char byte : came.bytes) {
        if (byte != byte_at(received_++)) is_broken_ = true;
      }
      end_ = came.end;
      if (came.bytes.empty()) return;
    }
  }
  /// Until nobody takes any more, for a while.
  void fill() {
    size_t before = 0;
    do before = sent_, send(size_t{64} << 20);
    while (eventually([&] { return send(size_t{64} << 20), sent_ != before; }, 300ms));
  }
  void end() const { ::shutdown(socket_.descriptor(), SHUT_WR); }
  /// Everything that was sent comes back, and then the end.
  bool ends_whole(milliseconds bound = 20s) {
    end();
    return eventually([&] { return receive(), end_ != End::none; }, bound) && end_ == End::closed &&
           !is_broken_ && received_ == sent_;
  }
  bool is_whole() const { return !is_broken_ && end_ == End::none; }
  size_t sent() const { return sent_; }
  size_t received() const { return received_; }

 private:
  static char byte_at(size_t place) { return static_cast<char>(place % 251 ^ place / 251); }

  PlainSocket socket_;
  std::string head_;
  size_t sent_ = 0;
  size_t received_ = 0;
  bool is_broken_ = false;
  End end_ = End::none;
};

struct TunnelSetup {
  explicit TunnelSetup(const std::string& more = "") : proxy(origin.pool(more)), successors(proxy) {
    REQUIRE(proxy.wait_for_healthy(1));
    port = proxy.port();
  }
  Sequence open() const {
    Sequence sequence(port);
    sequence.ask();
    REQUIRE(sequence.has_begun());
    return sequence;
  }
  void upgrade() const {
    const auto upgraded = proxy.admin("upgrade");
    REQUIRE_MESSAGE(upgraded.exit_code == 0, upgraded.output);
  }
  bool is_balanced() const {
    return eventually([&] {
      const auto requests = proxy.json("status")["requests"];
      return requests["accepted"] == requests["ok"];
    });
  }

  EchoOrigin origin;
  Proxy proxy;
  Successors successors;
  int port = 0;
};

TEST_CASE("200 echoes go on with an unbroken sequence over five upgrades, and every old process is gone") {
  TunnelSetup at;
  std::vector<Sequence> tunnels;
  for (int i = 0; i < 200; ++i) tunnels.push_back(at.open());
  const auto echo_for = [&](milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      for (auto& tunnel : tunnels) {
        tunnel.send(20000);
        tunnel.receive();
      }
    }
  };
  echo_for(200ms);
  for (int i = 0; i < 5; ++i) {
    at.upgrade();
    echo_for(200ms);
    CHECK(std::ranges::all_of(tunnels, [](const Sequence& tunnel) { return tunnel.is_whole(); }));
  }
  const auto is_alone = [&] { return at.successors.living() == std::vector{pid_of(at.proxy)}; };
  CHECK(eventually(is_alone));
  CHECK(at.proxy.process().wait() == 0);
  CHECK(at.proxy.json("backend list")["backends"][0]["in_flight"] == 200);
  size_t least = SIZE_MAX;
  for (auto& tunnel : tunnels) {
    least = std::min(least, tunnel.received());
    CHECK(tunnel.ends_whole());
  }
  CHECK(least > 5000);
  CHECK(at.is_balanced());
  CHECK(at.proxy.requests_ok() == 200);
  CHECK(at.origin.upgrades() == 200);
}

TEST_CASE("what is on its way in either direction moves with the tunnel, every byte of it") {
  TunnelSetup at;
  Sequence down(at.port, 4096);  // It does not read: what comes back is stuck in the proxy.
  down.ask();
  REQUIRE(down.has_begun());
  auto up = at.open();
  REQUIRE(eventually([&] { return down.send(12 << 20), down.sent() == 12 << 20; }));
  at.origin.hold(true);
  up.fill();
  CHECK(up.sent() > 1 << 20);
  at.upgrade();
  CHECK(at.proxy.process().wait() == 0);
  at.origin.hold(false);
  CHECK(up.ends_whole());
  CHECK(down.ends_whole());
  CHECK(at.is_balanced());
}

TEST_CASE("a tunnel of which one side has ended moves as such, with what was still on its way") {
  TunnelSetup at;
  auto empty = at.open();
  auto small = at.open();
  auto large = at.open();
  at.origin.hold(true);
  small.send(1000);
  large.fill();
  for (const auto* tunnel : {&empty, &small, &large}) tunnel->end();
  at.upgrade();
  at.upgrade();
  CHECK(at.proxy.process().wait() == 0);
  at.origin.hold(false);
  for (auto* tunnel : {&empty, &small, &large}) CHECK(tunnel->ends_whole());
  CHECK(at.is_balanced());
}

TEST_CASE("an upgrade of a connection that is under way becomes a tunnel, and then moves") {
  TunnelSetup at;
  at.origin.hold(true);
  Sequence late(at.port);
  late.ask();
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  at.upgrade();
  CHECK(at.proxy.process().is_running());
  at.origin.hold(false);
  REQUIRE(late.has_begun());
  CHECK(at.proxy.process().wait() == 0);
  late.send(100000);
  CHECK(late.ends_whole());
  CHECK(at.is_balanced());
}

TEST_CASE("WebSocket messages of 1 B to 1 MiB come back whole, over upgrades") {
  WebSocketScript server({"serve"});
  Proxy proxy("[pool.shop]\nbackends = [\"" + echo_server_address(server) + "\"]\n");
  const Successors successors(proxy);
  REQUIRE(proxy.wait_for_healthy(1));
  WebSocketScript client({"talk", std::to_string(proxy.port()), "1000"});
  int upgrades = 0;
  while (client.process().is_running() && upgrades < 100) {
    const auto upgraded = proxy.admin("upgrade");
    REQUIRE_MESSAGE(upgraded.exit_code == 0, upgraded.output);
    ++upgrades;
  }
  CHECK_MESSAGE(client.says("done", 60s), client.said());
  CHECK(client.process().wait(5s) == 0);
  CHECK(upgrades > 3);
  CHECK(eventually([&] { return proxy.requests_ok() == 1; }));
}

TEST_CASE("a tunnel that has moved counts for its backend, and a drain there closes it within its bound") {
  TunnelSetup at("timeouts = { tunnel_drain = \"300ms\" }\n");
  auto tunnel = at.open();
  at.upgrade();
  CHECK(at.proxy.process().wait() == 0);
  CHECK(eventually([&] { return at.proxy.json("backend list")["backends"][0]["in_flight"] == 1; }));
  CHECK(at.proxy.admin("backend drain shop " + at.origin.address() + " --wait 10s").exit_code == 0);
  CHECK(eventually([&] { return tunnel.receive(), !tunnel.is_whole(); }));
  CHECK(at.is_balanced());
}

TEST_CASE("a tunnel is one line of the access log, at its end, with all that went through it") {
  const TempDir directory;
  TunnelSetup at;
  at.proxy.add_to_server_table("access_log = { path = \"" + directory.path("access") + "\" }");
  at.proxy.write_config(at.origin.pool());
  REQUIRE(at.proxy.admin("reload").exit_code == 0);
  auto tunnel = at.open();
  tunnel.send(5000);
  REQUIRE(eventually([&] { return tunnel.receive(), tunnel.received() == 5000; }));
  at.upgrade();
  CHECK(at.proxy.process().wait() == 0);
  tunnel.send(2000);
  CHECK(tunnel.ends_whole());
  REQUIRE(eventually([&] { return read_file(directory.path("access")).ends_with('\n'); }));
  const std::string line = read_file(directory.path("access"));
  CHECK(std::ranges::count(line, '\n') == 1);
  for (const char* part : {"GET /up HTTP/1.1", " 101 7000 ", "tester", "tunnel"}) {
    CHECK_MESSAGE(line.find(part) != std::string::npos, line);
  }
}

TEST_CASE("a tunnel that the new process has no place for goes on in the old one") {
  TunnelSetup at;
  auto tunnel = at.open();
  const DemoApp other;
  at.proxy.write_config(Proxy::pool({&other}));  // Another backend in the pool's place.
  at.upgrade();
  tunnel.send(50000);
  REQUIRE(eventually([&] { return tunnel.receive(), tunnel.received() == 50000; }));
  CHECK(at.proxy.process().is_running());
  CHECK(tunnel.ends_whole());
  CHECK(at.proxy.process().wait() == 0);
  CHECK(at.is_balanced());
}

TEST_CASE("a tunnel that the new process had no place for has no bound after the way back, and moves again") {
  const EchoOrigin origin;
  const std::string pool =
      "[pool.echo]\nhealth = false\ntimeouts = { tunnel_drain = \"0s\" }\nbackends = [\"";
  OnProbation at("\"1m\"", "[[route]]\npool = \"shop\"\n[[route]]\npath = \"/up\"\npool = \"echo\"\n" + pool +
                               origin.address() + "\"]\n");
  Sequence tunnel(at.port);
  tunnel.ask();
  REQUIRE(tunnel.has_begun());
  const std::string before = std::exchange(at.more, "");
  at.write_good();
  at.upgrade();
  at.more = before;
  at.write_good();
  tunnel.send(50000);
  REQUIRE(eventually([&] { return tunnel.receive(), tunnel.received() == 50000; }));
  REQUIRE(at.proxy.json("upgrade --back")["pid"] == at.old_one());
  REQUIRE(at.is_back());
  const auto held_by = at.proxy.json("backend drain echo " + origin.address() + " --wait 1ms")["held_by"];
  REQUIRE(held_by.size() == 1);
  CHECK(held_by[0]["doing"] == "tunnel");
  CHECK(held_by[0]["cut_in_ms"].is_null());
  REQUIRE(at.proxy.admin("backend ready echo " + origin.address()).exit_code == 0);
  at.upgrade();
  CHECK(eventually([&] { return at.proxy.json("backend list echo")["backends"][0]["in_flight"] == 1; }));
  CHECK(tunnel.ends_whole());
  CHECK(at.is_balanced());
}

TEST_CASE(
    "an upgrade that is under way and cannot move is a tunnel within the bound that counts from the "
    "handover") {
  EchoOrigin origin;
  OnProbation at("\"1m\"",
                 "[[route]]\npool = \"shop\"\n[[route]]\npath = \"/up\"\npool = \"echo\"\n"
                 "[pool.echo]\nhealth = false\ntimeouts = { tunnel_drain = \"0s\" }\nbackends = [\"" +
                     origin.address() + "\"]\n");
  at.proxy.set_in_server_table("drain_timeout", "\"6s\"");
  at.write_good();
  REQUIRE(at.proxy.admin("reload").exit_code == 0);
  origin.hold(true);
  Sequence late(at.port);
  late.ask();
  REQUIRE(eventually([&] { return at.proxy.json("status")["requests"]["accepted"] == 1; }));
  REQUIRE(at.proxy.admin("backend drain echo " + origin.address()).exit_code == 0);  // It is not to move.
  at.upgrade();
  const auto time_is = [&](int milliseconds) {
    return at.proxy.json("status")["probation"]["left_ms"].get<int>() < 60000 - milliseconds;
  };
  REQUIRE(eventually([&] { return time_is(3500); }));
  origin.hold(false);
  REQUIRE(late.has_begun());
  CHECK(eventually([&] { return late.receive(), !late.is_whole(); }));
  CHECK_FALSE(time_is(7000));  // 4.5 seconds; it would be 8 from the 101 on.
}

TEST_CASE("a new process that dies before it says that it has a tunnel leaves it to the old one") {
  TunnelSetup at;
  auto tunnel = at.open();
  tunnel.send(1000);
  {
    TakeoverPeer peer(at.proxy.socket_path());
    peer.say(TakeoverPeer::hello(2));
    REQUIRE(peer.hear_until("state"));
    peer.say(TakeoverPeer::ready(100));
    const auto given = peer.hear_until("connections");
    REQUIRE(given);
    CHECK((*given)["connections"][0]["tunnel"]["backend"] == at.origin.address());
  }
  tunnel.send(50000);
  CHECK(tunnel.ends_whole());
  CHECK(at.proxy.process().wait() == 0);
}

}  // namespace
}  // namespace sluice::e2e
