// Clients that take their time on purpose: everything is bounded, and no other client notices.
#include <memory>
#include <string>
#include <vector>

#include "fixtures.h"
#include "plain_socket.h"
#include "raw_client.h"

#include <doctest/doctest.h>

namespace sluice::e2e {
namespace {

using Sockets = std::vector<PlainSocket>;

constexpr size_t kSilent = 10'000;
constexpr size_t kDripping = 200;

Sockets connect(int port, size_t count, int receive_buffer_bytes = 0) {
  Sockets sockets;
  sockets.reserve(count);
  for (size_t i = 0; i < count; ++i) sockets.emplace_back(port, receive_buffer_bytes);
  return sockets;
}

void send_each(Sockets& sockets, std::string_view bytes) {
  for (auto& socket : sockets) socket.send(bytes);
}

TEST_CASE("a login shell's limit of open files does not bound the connections") {
  const DemoApp app;
  std::unique_ptr<Proxy> proxy;
  {
    const DescriptorLimit low(128);
    proxy = std::make_unique<Proxy>(Proxy::pool({&app}));
  }
  REQUIRE(proxy->wait_for_healthy(1));
  const DescriptorLimit enough(4096);
  Sockets clients = connect(proxy->port(), 600);
  for (auto& client : clients) {
    client.send("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(client.receive_to_end(5s).bytes.starts_with("HTTP/1.1 200 "));
  }
}

/// Three seconds of it; returns the most memory that the proxy had meanwhile.
size_t abuse(Proxy& proxy, Sockets& heads, Sockets& bodies, Sockets& flooders) {
  std::string flood;
  while (flood.size() < 100'000) flood += get_request("/hello");
  size_t peak = 0;
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (std::chrono::steady_clock::now() < end) {
    send_each(heads, "x");
    send_each(bodies, "x");
    for (auto& flooder : flooders) flooder.send_some(flood);
    peak = std::max(peak, proxy.process().resident_bytes());
    heads.front().breathe();
  }
  return peak;
}

TEST_CASE(
    "silent, dripping, slow-reading and flooding clients cost little, end in time, and no other notices") {
  const DescriptorLimit enough(15'000);
  const DemoApp app;
  Proxy proxy(
      Proxy::pool({&app}) +
      "[timeouts]\nhead = \"1s\"\nbody = \"1s\"\nwrite = \"1s\"\nlinger = \"200ms\"\nidle = \"30s\"\n");
  REQUIRE(proxy.wait_for_healthy(1));
  const int port = proxy.port();
  {
    // Once through, so that what is kept for use again is there.
    LoopingClient warm(port, 4, get_request("/hello"));
    REQUIRE(eventually([&] { return warm.ok() > 2000; }));
  }
  REQUIRE(eventually([&] { return proxy.json("status")["connections"] == 0; }));
  const size_t memory = proxy.process().resident_bytes();
  const size_t descriptors = proxy.process().descriptors();
  {
    LoopingClient normal(port, 4, get_request("/hello"));
    const size_t before_silent = proxy.process().resident_bytes();
    Sockets silent = connect(port, kSilent);
    REQUIRE(eventually([&] { return proxy.json("status")["connections"] >= kSilent; }));
    const size_t with_silent = proxy.process().resident_bytes();
    // What the normal load and the reply above take for themselves is not theirs.
    const size_t slack = size_t{1} << 20;
    CHECK(with_silent < before_silent + kSilent * 2048 + slack);
    Sockets heads = connect(port, kDripping);
    Sockets bodies = connect(port, 50);
    Sockets readers = connect(port, 50, 4096);
    Sockets flooders = connect(port, 20);
    send_each(heads, "GET /hello HTTP/1.1\r\nHost: h\r\nX: ");
    heads.front().breathe();
    CHECK(proxy.process().resident_bytes() < with_silent + kDripping * 10'000 + slack);
    send_each(bodies, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    send_each(readers, get_request("/bytes/10000000"));
    const size_t peak = abuse(proxy, heads, bodies, flooders);
    CHECK(peak < memory + (size_t{64} << 20));
    // A head has a second from its first byte, however it drips.
    for (auto& head : heads) CHECK(head.receive_to_end(5s).bytes.starts_with("HTTP/1.1 408 "));
    const uint64_t served = normal.ok();
    CHECK(eventually([&] { return normal.ok() > served + 500; }));
    normal.stop();
    CHECK_MESSAGE(normal.failed() == 0, normal.first_failure());
  }
  CHECK(eventually([&] { return proxy.json("status")["connections"] == 0; }, 20s));
  // The application closes what it did not hear of for ten seconds: connections that the flood's peak needed.
  CHECK(eventually([&] { return proxy.process().descriptors() <= descriptors; }, 30s));
  const bool is_back =
      eventually([&] { return proxy.process().resident_bytes() < memory + (size_t{5} << 20); });
  CHECK_MESSAGE(is_back, "memory was ", memory, ", is ", proxy.process().resident_bytes());
}

}  // namespace
}  // namespace sluice::e2e
