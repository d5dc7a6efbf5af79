// Bytes within TLS, both ways.
#include "tls/test_tools.h"

namespace sluice::tls::test {
namespace {

/// With hands shaken.
struct Ready : Pair {
  Ready() : Pair(make_identity({}, &authority())) {
    REQUIRE(handshake(trusting(), kShop) == "");
    REQUIRE(until([this] { return server_done.has_value(); }));
    REQUIRE(*server_done);
  }
  void settle() {
    loop.run_until([] { return false; }, Duration{30});
  }
};

/// Bytes of which none is like its neighbours.
std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
  return bytes;
}

TEST_CASE("what is written at one end is read at the other, in order and whole") {
  Ready pair;
  Collector at_client;
  Collector at_server;
  pair.client->start_reading(at_client);
  pair.server->start_reading(at_server);
  const std::string much = pattern(3'000'000);
  std::string sent;
  for (const size_t size : {1UL, 100UL, 16'383UL, 16'384UL, 16'385UL, 70'000UL}) {
    const std::string part = much.substr(sent.size(), size);
    sent += part;
    CHECK(write(*pair.client, part) == net::Flow::open);
  }
  const std::array<std::string_view, 4> pieces = {"a", "", "bc", std::string_view(much).substr(0, 40'000)};
  pair.client->write(pieces);
  sent += "abc" + much.substr(0, 40'000);
  write(*pair.server, much);
  CHECK(pair.until(
      [&] { return at_server.bytes.size() >= sent.size() && at_client.bytes.size() >= much.size(); }));
  CHECK(at_server.bytes == sent);
  CHECK(at_client.bytes == much);
}

TEST_CASE("who reads nothing makes the other end wait, and loses nothing") {
  Ready pair;
  const std::string piece = pattern(200'000);
  std::string sent;
  while (pair.client->pending_bytes() < 1'000'000) {
    write(*pair.client, piece);
    sent += piece;
    pair.loop.run_until([] { return true; }, Duration{1});
  }
  CHECK(write(*pair.client, "x") == net::Flow::blocked);
  sent += "x";
  pair.settle();
  CHECK(pair.client->pending_bytes() > 0);
  bool is_writable = false;
  const Wait wait = pair.client->when_writable([&](Result<void> how) { is_writable = how.has_value(); });
  Collector at_server;
  pair.server->start_reading(at_server);
  CHECK(pair.until([&] { return is_writable && at_server.bytes.size() == sent.size(); }));
  CHECK(at_server.bytes == sent);
}

TEST_CASE("reading stops where it is stopped, and goes on from there") {
  Ready pair;
  Collector at_server;
  at_server.then = [&] { pair.server->stop_reading(); };
  pair.server->start_reading(at_server);
  const std::string much = pattern(100'000);
  write(*pair.client, much);
  size_t before = 0;
  while (at_server.bytes.size() < much.size()) {
    CHECK(pair.until([&] { return at_server.bytes.size() > before; }));
    pair.settle();
    before = at_server.bytes.size();
    CHECK(before <= 16'384 * (before / 16'384 + 1));
    pair.server->start_reading(at_server);
    CHECK(at_server.bytes.size() == before);  // Not before the call has returned.
  }
  CHECK(at_server.bytes == much);
}

TEST_CASE("a reader may destroy its transport with any bytes") {
  Ready pair;
  Collector at_server;
  at_server.then = [&] { pair.server.reset(); };
  pair.server->start_reading(at_server);
  write(*pair.client, pattern(100'000));
  CHECK(pair.until([&] { return pair.server == nullptr; }));
  CHECK(at_server.bytes.size() <= 16'384);
}

TEST_CASE("an end in order is reported as an end, and each direction has its own") {
  Ready pair;
  Collector at_client;
  Collector at_server;
  pair.client->start_reading(at_client);
  pair.server->start_reading(at_server);
  write(*pair.client, "last");
  pair.client->shutdown();
  CHECK(pair.until([&] { return at_server.ended; }));
  CHECK_FALSE(at_server.error);
  CHECK(at_server.bytes == "last");
  write(*pair.server, "answer");
  pair.server->shutdown();
  CHECK(pair.until([&] { return at_client.ended; }));
  CHECK_FALSE(at_client.error);
  CHECK(at_client.bytes == "answer");
}

TEST_CASE("an end that TLS knows nothing of is an error: what came may be cut") {
  Ready pair;
  Collector at_client;
  pair.client->start_reading(at_client);
  write(*pair.server, "half");
  pair.until([&] { return !at_client.bytes.empty(); });
  pair.server.reset();
  CHECK(pair.until([&] { return at_client.ended; }));
  REQUIRE(at_client.error);
  CHECK(at_client.error->code == ErrorCode::closed);
  Collector again;
  pair.client->start_reading(again);
  CHECK_FALSE(again.ended);
  CHECK(pair.until([&] { return again.ended; }));
  CHECK(again.error);
}

TEST_CASE("a reset below is reported as a reset") {
  Ready pair;
  Collector at_client;
  pair.client->start_reading(at_client);
  pair.server->reset_on_close();
  pair.server.reset();
  CHECK(pair.until([&] { return at_client.ended; }));
  REQUIRE(at_client.error);
  CHECK(at_client.error->code == ErrorCode::reset);
}

TEST_CASE("a connection that is not read from knows from below that its peer has ended it, or broken it") {
  Ready pair;
  CHECK_FALSE(pair.client->has_hung_up());
  CHECK_FALSE(pair.client->has_broken());
  CHECK_FALSE(pair.client->duplicate());
  pair.client->stop_reading();
  SUBCASE("ended") {
    pair.server->shutdown();
    CHECK(pair.until([&] { return pair.client->has_hung_up(); }));
    CHECK_FALSE(pair.client->has_broken());
  }
  SUBCASE("broken") {
    pair.server->reset_on_close();
    pair.server.reset();
    CHECK(pair.until([&] { return pair.client->has_broken(); }));
    CHECK(pair.client->has_hung_up());
  }
}

/// Flips a bit of what passes between a client and a server, once `begins` is set.
class Damage final : public net::Transport, private net::Reader {
 public:
  explicit Damage(std::unique_ptr<net::Transport> below) : below_(std::move(below)) {}
  bool begins = false;

  void start_reading(net::Reader& reader) override {
    reader_ = &reader;
    below_->start_reading(*this);
  }
  void stop_reading() override { below_->stop_reading(); }
  net::Flow write(std::span<const std::string_view> pieces) override { return below_->write(pieces); }
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return below_->when_writable(std::move(callback));
  }
  size_t pending_bytes() const override { return below_->pending_bytes(); }
  void shutdown() override { below_->shutdown(); }
  void reset_on_close() override { below_->reset_on_close(); }
  bool is_stale() const override { return below_->is_stale(); }
  std::string kept() const override { return below_->kept(); }
  bool has_hung_up() const override { return below_->has_hung_up(); }
  bool has_broken() const override { return below_->has_broken(); }
  size_t unacknowledged() const override { return below_->unacknowledged(); }
  const Address& peer() const override { return below_->peer(); }
  Result<net::Peer> peer_process() const override { return below_->peer_process(); }
  Result<net::Descriptor> duplicate() const override { return below_->duplicate(); }

 private:
  void on_bytes(std::string_view bytes) override {
    std::string changed(bytes);
    if (begins) changed.back() ^= 1;
    reader_->on_bytes(changed);
  }
  void on_end(Result<void> how) override { reader_->on_end(std::move(how)); }

  std::unique_ptr<net::Transport> below_;
  net::Reader* reader_ = nullptr;
};

TEST_CASE("bytes that were changed on their way break the connection, and nothing of them is believed") {
  Pair pair(make_identity({}, &authority()));
  auto damage = std::make_unique<Damage>(std::move(pair.plain_client));
  Damage& path = *damage;
  pair.plain_client = std::move(damage);
  REQUIRE(pair.handshake(trusting(), kShop) == "");
  Collector at_client;
  pair.client->start_reading(at_client);
  REQUIRE(pair.until([&] { return pair.server_done.has_value(); }));
  write(*pair.server, "fine");
  REQUIRE(pair.until([&] { return at_client.bytes == "fine"; }));
  path.begins = true;
  write(*pair.server, "broken");
  CHECK(pair.until([&] { return at_client.ended; }));
  CHECK(at_client.bytes == "fine");
  REQUIRE(at_client.error);
  CHECK(at_client.error->code == ErrorCode::malformed);
  CHECK(write(*pair.client, "more") == net::Flow::blocked);
  std::optional<Result<void>> writable;
  const Wait wait = pair.client->when_writable([&](Result<void> how) { writable = std::move(how); });
  CHECK_FALSE(writable);
  CHECK(pair.until([&] { return writable.has_value(); }));
  CHECK_FALSE(*writable);
}

/// Connects anew and reads an answer, as a probe does; whether the session was taken up.
bool visit(const std::shared_ptr<const ClientContext>& trust, SSL_CTX& context, const Peer& server) {
  Pair pair;
  pair.context.reset(&context);
  SSL_CTX_up_ref(&context);
  REQUIRE(pair.handshake(trust, server) == "");
  Collector at_client;
  pair.client->start_reading(at_client);
  REQUIRE(pair.until([&] { return pair.server_done.has_value(); }));
  write(*pair.server, "answer");
  REQUIRE(pair.until([&] { return at_client.bytes == "answer"; }));
  return pair.server->resumed();
}

TEST_CASE("a session is taken up again by its owner, and by no other peer") {
  const auto trust = *ClientContext::make(trusting());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const SslContextPtr context = server_context(make_identity({}, &authority()));
    SSL_CTX_set_max_proto_version(context.get(), version);
    const Peer keeping{.name = "shop.example", .session = std::make_shared<Session>()};
    CHECK_FALSE(visit(trust, *context, keeping));
    CHECK(keeping.session->has_ticket());
    CHECK(visit(trust, *context, keeping));
    CHECK(visit(trust, *context, keeping));
    CHECK_FALSE(visit(trust, *context, kShop));
  }
}

}  // namespace
}  // namespace sluice::tls::test
