// Both sides of an exchange in memory, for the tests of this folder: a client, backends and a dialer that do
// what a test says, when it says so. No sockets, no loop.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/http/head_decoder.h>
#include <sluice/upstream/backend.h>
#include <sluice/wire/stream.h>

#include <fcntl.h>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

namespace sluice::proxy {

/// What has come out of a stream for the peer. Outlives the stream.
struct Taken {
  std::string head{};        ///< as the peer gets it, interim ones first
  std::string body{};        ///< what has left, without framing
  std::string trailers{};    ///< as lines
  bool has_ended = false;    ///< the peer has seen the end of the body
  bool is_stopped = false;   ///< ... or of our direction, in the middle of a body
  bool is_dropped = false;   ///< the stream is destroyed
  bool is_switched = false;  ///< it speaks another protocol
};

/// The receiving half of a stream: what has come waits until it is asked for.
class TestSource {
 public:
  void start(wire::BodyReceiver& receiver) {
    receiver_ = &receiver;
    resume();
  }
  void pause() { is_paused_ = true; }
  void resume() {
    is_paused_ = false;
    deliver();
  }
  void stop() { receiver_ = nullptr; }

  /// A piece comes, or the end, which a pause does not hold up when nothing else has come. May destroy this.
  void say(std::string_view piece) {
    unread_ += piece;
    deliver();
  }
  void end(Result<void> how = {}) {
    end_ = std::move(how);
    deliver();
  }
  bool is_read() const { return receiver_ != nullptr && !is_paused_; }
  const std::string& unread() const { return unread_; }

 private:
  void deliver() {
    const Alive::Watch watch(alive_);
    if (is_read() && !unread_.empty()) {
      const std::string bytes = std::exchange(unread_, {});
      const std::string_view piece = bytes;
      receiver_->on_body({&piece, 1});
    }
    if (!watch || receiver_ == nullptr || !unread_.empty() || !end_) return;
    const Result<void> how = *std::exchange(end_, std::nullopt);
    std::exchange(receiver_, nullptr)->on_body_end(how);
  }

  wire::BodyReceiver* receiver_ = nullptr;
  bool is_paused_ = false;
  std::string unread_;
  std::optional<Result<void>> end_;
  Alive alive_;
};

/// The sending half: while it is blocked the peer takes nothing, and what is written is kept.
class TestSink {
 public:
  wire::Flow write(wire::Slices pieces) {
    SLUICE_CHECK(!ends_);
    for (const auto piece : pieces) unsent_ += piece;
    return flush();
  }
  wire::Flow end(const http::FieldList& trailers) {
    SLUICE_CHECK(!ends_);
    ends_ = true;
    taken_->trailers += trailers.lines();
    return flush();
  }
  Wait when_writable(std::function<void(Result<void>)> callback) {
    return pending_.wait(std::move(callback));
  }

  void block() { is_blocked_ = true; }
  /// The peer takes everything. May destroy this, as may the next two.
  void open() {
    is_blocked_ = false;
    flush();
    turn();
  }
  /// The connection broke, or the peer took too long.
  void fail(Error error) { pending_.fire(std::move(error)); }
  /// A later turn of the loop: a wait that began while nothing was kept is over.
  void turn() {
    if (!is_blocked_) pending_.fire({});
  }
  const std::string& unsent() const { return unsent_; }
  const std::shared_ptr<Taken>& taken() const { return taken_; }

 private:
  wire::Flow flush() {
    if (is_blocked_) return wire::Flow::blocked;
    taken_->body += std::exchange(unsent_, {});
    taken_->has_ended = ends_;
    return wire::Flow::open;
  }

  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
  std::string unsent_;
  bool is_blocked_ = false;
  bool ends_ = false;
  Pending<Result<void>> pending_;
};

/// What the two kinds of streams have in common.
template <class Stream>
class TestStream : public Stream {
 public:
  TestStream() = default;
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  ~TestStream() override { sink.taken()->is_dropped = true; }

  /// What the peer says, in a body or a tunnel.
  TestSource source;
  /// How it takes what it gets.
  TestSink sink;
  /// Those of the body that the peer sends.
  http::FieldList peer_trailers{};
  /// Whether suspend_tunnel() succeeds.
  bool may_leave = true;
  /// The number of the descriptor that it has given.
  int left_as = -1;

  void start_body(wire::BodyReceiver& receiver) override { source.start(receiver); }
  void pause_body() override { source.pause(); }
  void resume_body() override { source.resume(); }
  void stop_body() override { source.stop(); }
  bool has_buffered_body() const override { return !source.unread().empty(); }
  const http::FieldList& trailers() const override { return peer_trailers; }
  using Stream::write_body;
  wire::Flow write_body(wire::Slices pieces) override { return sink.write(pieces); }
  wire::Flow end_body(const http::FieldList& trailers) override { return sink.end(trailers); }
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return sink.when_writable(std::move(callback));
  }
  Result<wire::TunnelEnd> suspend_tunnel() override {
    if (!may_leave) return wire::cannot_be_left();
    net::Descriptor connection(::open("/dev/null", O_RDWR | O_CLOEXEC));
    left_as = connection.get();
    return wire::TunnelEnd{
        .connection = std::move(connection), .read = source.unread(), .unsent = sink.unsent()};
  }
};

/// At 192.0.2.1, with a whole request.
class TestClient final : public TestStream<wire::ServerStream> {
 public:
  explicit TestClient(std::string_view request) {
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
    const auto progress = decoder.decode(request, head_);
    REQUIRE(progress);
    REQUIRE(progress->complete);
    source.say(request.substr(progress->used));
  }

  int status = 0;         ///< of the answer that was begun
  bool is_own = false;    ///< that is Sluice's own
  bool has_gone = false;  ///< what has_left() says
  bool is_finished = false;
  bool is_aborted = false;

  wire::StreamHandler* handler = nullptr;  ///< its owner

  void set_handler(wire::StreamHandler& its) override { handler = &its; }
  const http::RequestHead& request() const override { return head_; }
  const wire::Client& client() const override { return client_; }
  void send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) override {
    http::write_interim_head(sink.taken()->head, head, edits);
  }
  void send_continue() override { sink.taken()->head += "HTTP/1.1 100 Continue\r\n\r\n"; }
  wire::Flow send_head(const http::ResponseHead& head, const http::FieldEdits* edits,
                       wire::Follows follows) override {
    status = head.status;
    waits_for_body_ = follows == wire::Follows::body_at_once;
    http::write_response_head(sink.taken()->head, head, {.framing = head.framing, .edits = edits});
    return sink.write({});
  }
  wire::ReplySent send_reply(const http::LocalResponse& response) override {
    status = response.status;
    is_own = true;
    const auto own = http::local_response(response, {});
    const size_t head_size = own.bytes.size() - own.content_size;
    sink.taken()->head += own.bytes.substr(0, head_size);
    write_body(std::string_view(own.bytes).substr(head_size));
    return {.flow = end_body({}), .content_size = own.content_size};
  }
  wire::Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) override {
    sink.taken()->is_switched = true;
    status = head.status;
    http::write_response_head(sink.taken()->head, head, {.framing = {}, .upgraded = true, .edits = edits});
    return sink.write({});
  }
  using TestStream::write_body;
  wire::Flow write_body(wire::Slices pieces) override {
    waits_for_body_ = false;
    return TestStream::write_body(pieces);
  }
  bool has_left() override { return has_gone; }
  bool is_committed() const override { return status != 0 && !waits_for_body_; }
  void discard_head() override {
    SLUICE_CHECK(!is_committed());
    status = 0;
    sink.taken()->head.clear();
  }
  void finish() override { is_finished = true; }
  void abort() override { is_aborted = true; }

 private:
  wire::Client client_{.address = *Address::parse("192.0.2.1:40000"), .local = {}, .ip = "192.0.2.1"};
  http::RequestHead head_;
  bool waits_for_body_ = false;  // with the head, which has not been committed
};

/// A connection to a backend, and its stream. Its owner is the code under test, which may drop it at any
/// time.
class TestBackend final : public TestStream<wire::ClientStream>, public wire::ClientConnection {
 public:
  TestBackend() { set_owner(no_connections()); }

  bool stale = false;     ///< the kernel knows that it is of no use
  bool reusable = false;  ///< it may serve another request
  bool is_parked = false;
  bool taken_nothing = false;   ///< what has_taken_nothing() says
  bool waits_for_body = false;  ///< the request's head leaves with the first piece of its body

  /// The head of a response comes, or the connection breaks before it. May destroy this.
  void answer(std::string_view head) {
    http::HeadDecoder decoder(http::HeadDecoder::Of::response, {});
    response_.clear();
    const auto progress = decoder.decode(head, response_, is_asked_by_head_);
    REQUIRE(progress);
    REQUIRE(progress->complete);
    has_answered_ = true;
    head_pending_.fire(&response_);
  }
  void fail(Error error) { head_pending_.fire(std::move(error)); }
  /// The code under test waits for a head.
  bool is_awaited() const { return head_pending_.is_waited_for(); }

  void send_preface(std::string_view bytes) override { sink.taken()->head += bytes; }
  bool has_room() const override { return false; }
  ClientStream& open_stream() override {
    is_parked = false;
    return *this;
  }
  Result<ClientStream*> resume_tunnel(std::string read) override {
    source.say(read);
    sink.taken()->is_switched = true;
    return this;
  }
  bool finish_stream(ClientStream&) override {
    is_parked = reusable;
    return reusable;
  }
  bool reset_stream(ClientStream&) override { return false; }
  bool is_busy() const override { return !is_parked; }
  bool is_stale() const override { return stale; }
  ClientConnection& connection() override { return *this; }

  wire::Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                       wire::Follows follows) override {
    is_asked_by_head_ = head.is_head();
    waits_for_body = follows == wire::Follows::body_at_once;
    http::write_request_head(sink.taken()->head, head, forwarding);
    return sink.write({});
  }
  Wait read_head(OnHead on_head) override { return head_pending_.wait(std::move(on_head)); }
  void end_sending() override { sink.taken()->is_stopped = true; }
  void switch_protocols() override { sink.taken()->is_switched = true; }
  bool has_answered() const override { return has_answered_; }
  bool has_taken_nothing() const override { return taken_nothing; }

 private:
  /// Of one that no Connections own: it goes with its stream.
  struct NoOwner final : wire::ClientConnectionOwner {
    void on_stream_dropped(wire::ClientStream& stream) override { delete &stream.connection(); }
    void on_connection_gone(wire::ClientConnection&) override {}
  };
  static NoOwner& no_connections() {
    static NoOwner none;
    return none;
  }

  http::ResponseHead response_;
  bool is_asked_by_head_ = false;
  bool has_answered_ = false;
  Pending<Result<const http::ResponseHead*>> head_pending_;
};

/// Keeps dials until the test says what comes of them, the oldest first.
class TestDialer {
 public:
  explicit TestDialer(Deadlines& deadlines)
      : connector{.deadlines = deadlines,
                  .connect =
                      [this](const Address& address, net::OnConnected on_connected) {
                        dials_.push_back(std::make_unique<Dial>(address));
                        return dials_.back()->pending.wait(std::move(on_connected));
                      },
                  .adopt = [this](net::Descriptor connection) { return adopt(connection.is_open()); },
                  .codec =
                      [this](std::unique_ptr<net::Transport>) {
                        auto made = std::make_unique<TestBackend>();
                        made_ = made.get();
                        return made;
                      }} {}
  TestDialer(const TestDialer&) = delete;
  TestDialer& operator=(const TestDialer&) = delete;

  upstream::Connector connector;  ///< Its connections have no transport.
  bool may_adopt = true;

  /// The ports that are dialed, each behind a space.
  std::string dialing() {
    forget_dropped();
    std::string all;
    for (const auto& each : dials_) all += " " + std::to_string(each->address.port());
    return all;
  }
  /// The connection is there as long as the code under test keeps it.
  TestBackend* accept() {
    connect(std::unique_ptr<net::Transport>());
    return made_;
  }
  /// ... where the test has put another codec into the connector.
  void connect(std::unique_ptr<net::Transport> transport) { finish(std::move(transport)); }
  /// As accept() gives it: the last of those that were adopted.
  TestBackend* adopted() const { return made_; }
  void fail(Error error) { finish(std::move(error)); }

 private:
  struct Dial {
    explicit Dial(const Address& to) : address(to) {}
    Address address;
    Pending<Result<std::unique_ptr<net::Transport>>> pending{};
  };

  void forget_dropped() {
    dials_.remove_if([](const auto& each) { return !each->pending.is_waited_for(); });
  }
  Result<std::unique_ptr<net::Transport>> adopt(bool is_open) const {
    if (!may_adopt || !is_open) return wire::cannot_be_left();
    return std::unique_ptr<net::Transport>();
  }
  void finish(Result<std::unique_ptr<net::Transport>> how) {
    forget_dropped();
    REQUIRE_FALSE(dials_.empty());
    const std::unique_ptr<Dial> dial = std::move(dials_.front());
    dials_.pop_front();
    dial->pending.fire(std::move(how));
  }

  std::list<std::unique_ptr<Dial>> dials_;
  TestBackend* made_ = nullptr;  // the last
};

}  // namespace sluice::proxy
