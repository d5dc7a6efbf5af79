// What the tests of connections share: one backend's connections that do what a test says. No sockets.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/http/head_decoder.h>
#include <sluice/upstream/connections.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace sluice::upstream {

/// A request that may be sent again, and one that may not.
constexpr StreamRequest kAgain{.may_be_repeated = true};
constexpr StreamRequest kOnce{};

/// The head of a response that says how long its connection is kept.
inline http::ResponseHead keep_alive_head(const std::string& value) {
  http::ResponseHead head;
  const std::string text = "HTTP/1.1 200 OK\r\nKeep-Alive: " + value + "\r\nContent-Length: 0\r\n\r\n";
  REQUIRE(http::HeadDecoder(http::HeadDecoder::Of::response, {}).decode(text, head, false));
  return head;
}

/// What the backend's end knows of a connection. Outlives it.
struct TestPeer {
  std::string preface{};
  std::string read{};  ///< of a tunnel that was left
  size_t streams = 0;  ///< open now
  size_t finished = 0;
  size_t resets = 0;
  bool is_closed = false;
};

/// Has room for some streams at a time: for one as HTTP/1 has, for more as HTTP/2. Nothing is spoken on them.
class TestConnection final : public wire::ClientConnection {
 public:
  explicit TestConnection(size_t room) : room_(room) {}
  ~TestConnection() override { peer->is_closed = true; }

  std::shared_ptr<TestPeer> peer = std::make_shared<TestPeer>();
  bool is_good = true;         ///< for another exchange
  bool is_stale_now = false;   ///< what is_stale() says
  bool may_be_tunnel = true;   ///< what resume_tunnel() says
  bool survives_reset = true;  ///< goes on when one of its streams is reset

  /// The backend closes it while no stream is open.
  void end() { owner().on_connection_gone(*this); }

  void send_preface(std::string_view bytes) override { peer->preface = bytes; }
  bool has_room() const override { return is_good && peer->streams < room_; }
  wire::ClientStream& open_stream() override {
    SLUICE_CHECK(peer->streams < room_);
    ++peer->streams;
    return *streams_.emplace_back(std::make_unique<Stream>(*this));
  }
  Result<wire::ClientStream*> resume_tunnel(std::string read) override {
    if (!may_be_tunnel) return wire::cannot_be_left();
    peer->read = std::move(read);
    return &open_stream();
  }
  bool finish_stream(wire::ClientStream& stream) override {
    ++peer->finished;
    close(stream);
    return is_good;
  }
  bool reset_stream(wire::ClientStream& stream) override {
    ++peer->resets;
    close(stream);
    return is_good && survives_reset;
  }
  bool is_busy() const override { return peer->streams > 0; }
  bool is_stale() const override { return is_stale_now; }

 private:
  class Stream final : public wire::ClientStream {
   public:
    explicit Stream(TestConnection& connection) : connection_(connection) {}
    wire::ClientConnection& connection() override { return connection_; }
    wire::Flow send_head(const http::RequestHead&, const http::RequestForwarding&, wire::Follows) override {
      return wire::Flow::open;
    }
    Wait read_head(OnHead) override { return {}; }
    void end_sending() override {}
    void switch_protocols() override {}
    bool has_answered() const override { return false; }
    void start_body(wire::BodyReceiver&) override {}
    void pause_body() override {}
    void resume_body() override {}
    void stop_body() override {}
    bool has_buffered_body() const override { return false; }
    const http::FieldList& trailers() const override { return none_; }
    wire::Flow write_body(wire::Slices) override { return wire::Flow::open; }
    wire::Flow end_body(const http::FieldList&) override { return wire::Flow::open; }
    Wait when_writable(std::function<void(Result<void>)>) override { return {}; }

   private:
    TestConnection& connection_;
    http::FieldList none_;
  };

  void close(const wire::ClientStream& stream) {
    --peer->streams;
    std::erase_if(streams_, [&](const auto& each) { return each.get() == &stream; });
  }

  size_t room_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

/// The connections to one healthy backend, idle for a minute at most, on a held clock.
struct TestConnections {
  explicit TestConnections(size_t streams_on_each = 1) : room(streams_on_each) {
    state.set_health(HealthState::healthy);
    connections.configure(Duration{60'000});
    connections.expect(100);
  }

  /// A stream of a new connection, which is last().
  StreamPtr open(const StreamRequest& request = {}) {
    StreamPtr opened;
    const Wait wait = connections.open_stream(request, [&](Result<StreamPtr> stream) {
      REQUIRE(stream);
      opened = *std::move(stream);
    });
    connect(std::unique_ptr<net::Transport>());
    return opened;
  }
  /// The oldest dial that is waited for ends so.
  void connect(Result<std::unique_ptr<net::Transport>> how) {
    REQUIRE(dial);
    dial->fire(std::move(how));
  }
  /// A connection that has served so many requests, each on its own, and rests. Others must not rest there.
  TestConnection* rest(int requests = 2) {
    give_back(open());
    TestConnection* const resting = last();
    for (int i = 1; i < requests; ++i) give_back(connections.try_stream(kAgain));
    return resting;
  }
  void give_back(StreamPtr stream) {
    REQUIRE(stream);
    connections.give_back(std::move(stream));
  }
  TestConnection* last() const { return made.back(); }
  void pass(Duration time) {
    clock.advance(time);
    deadlines.expire();
  }
  /// The connection that would serve the request, or null; it is reset.
  wire::ClientConnection* taken_by(const StreamRequest& request) {
    const StreamPtr stream = connections.try_stream(request);
    return stream ? &stream->connection() : nullptr;
  }

  HeldClock clock;
  Deadlines deadlines{clock};
  BackendState state{"shop", *Address::parse("192.0.2.9:9001")};
  size_t room;
  std::vector<TestConnection*> made;  ///< as long as they live
  std::vector<Address> dialed;
  std::optional<Pending<Result<std::unique_ptr<net::Transport>>>> dial;
  Connector connector{.deadlines = deadlines,
                      .connect =
                          [this](const Address& address, net::OnConnected on_connected) {
                            dialed.push_back(address);
                            dial.emplace();
                            return dial->wait(std::move(on_connected));
                          },
                      .adopt = [](net::Descriptor connection) -> Result<std::unique_ptr<net::Transport>> {
                        if (!connection.is_open())
                          return Error{.code = ErrorCode::not_found, .message = "no descriptor"};
                        return std::unique_ptr<net::Transport>();
                      },
                      .codec =
                          [this](std::unique_ptr<net::Transport>) {
                            auto connection = std::make_unique<TestConnection>(room);
                            made.push_back(connection.get());
                            return connection;
                          }};
  Connections connections{state, connector};
};

}  // namespace sluice::upstream
