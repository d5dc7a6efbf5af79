// Two ends of a connection within TLS, on one loop.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/net/loop.h>
#include <sluice/tls/client.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tls/test_certificates.h"
#include "tls/tls_transport.h"

namespace sluice::tls::test {

constexpr Duration kLong{10'000};  // nothing that works takes this long

/// Keeps what it receives.
struct Collector final : net::Reader {
  std::string bytes;
  bool ended = false;
  std::optional<Error> error;
  std::function<void()> then;

  void on_bytes(std::string_view more) override {
    bytes += more;
    if (then) then();
  }
  void on_end(Result<void> how) override {
    ended = true;
    if (!how) error = how.error();
  }
};

struct Pair {
  explicit Pair(const Identity& identity) : context(server_context(identity)) { connect(); }
  /// The server speaks no TLS.
  Pair() { connect(); }

  void connect() {
    const auto acceptor = loop.accept(socket, [this](auto accepted) { plain_server = std::move(accepted); });
    const Wait wait = loop.connect(socket.address(), [this](auto connected) {
      REQUIRE(connected);
      plain_client = *std::move(connected);
    });
    REQUIRE(until([this] { return plain_server && plain_client; }));
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kLong); }

  void begin_server() {
    server =
        std::make_unique<TlsTransport>(loop, std::move(plain_server), server_of(*context), nullptr, Peer{});
    server->handshake([this](Result<void> how) { server_done = std::move(how); });
  }
  /// What the client's handshake comes to: "" or the error. With a server, when there is a context.
  std::string handshake(const ClientContext::Settings& settings, const Peer& expected) {
    auto made = ClientContext::make(settings);
    REQUIRE(made);
    return handshake(*made, expected);
  }
  std::string handshake(std::shared_ptr<const ClientContext> trust, const Peer& expected) {
    if (context) begin_server();
    std::optional<std::string> told;
    const Wait wait = secure(loop, std::move(trust), std::move(plain_client), expected, [&](auto secured) {
      told = secured ? "" : std::string(name(secured.error().code)) + ": " + secured.error().message;
      if (secured) client = *std::move(secured);
    });
    REQUIRE_FALSE(told);
    REQUIRE(until([&] { return told.has_value(); }));
    return *told;
  }

  net::Loop loop;
  net::ListeningSocket socket =
      *net::ListeningSocket::open(*Address::parse("127.0.0.1:0"), net::Sharing::alone);
  SslContextPtr context;
  std::unique_ptr<net::Transport> plain_server;
  std::unique_ptr<net::Transport> plain_client;
  std::optional<Result<void>> server_done;
  std::unique_ptr<TlsTransport> server;
  std::unique_ptr<net::Transport> client;
};

const Peer kShop{.name = "shop.example"};

inline ClientContext::Settings trusting(const Identity& identity = authority()) {
  return {.authorities = identity.pem()};
}

inline net::Flow write(net::Transport& transport, std::string_view bytes) {
  return transport.write({&bytes, 1});
}

}  // namespace sluice::tls::test
