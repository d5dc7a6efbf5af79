// A protocol of the tests' own, whose connections carry several exchanges at a time: it shows that whatever a
// codec of upstream's gives is good enough for exchanges. A line begins with the number of its exchange:
//
//   1 > GET /cart     a request           1 < 200           its response
//   1 + bytes         of either's body    1 .               its end
//   1 !               dropped by Sluice
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/text.h>
#include <sluice/http/head_decoder.h>
#include <sluice/wire/client_connection.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/test_streams.h"

#include <doctest/doctest.h>

namespace sluice::proxy {

/// The backend's end: it sees what was written, and says what arrives.
struct ToyBackend {
  /// Lines that came since the last look.
  std::string heard() { return std::exchange(written, {}); }
  void say(const std::string& lines) const { reader->on_bytes(lines); }
  void close() const { reader->on_end({}); }

  std::string written{};
  net::Reader* reader = nullptr;
  bool is_closed = false;  ///< by Sluice
};

class ToyTransport final : public net::Transport {
 public:
  explicit ToyTransport(ToyBackend& backend) : backend_(backend) {}
  ~ToyTransport() override { backend_.is_closed = true; }
  void start_reading(net::Reader& reader) override { backend_.reader = &reader; }
  void stop_reading() override {}
  net::Flow write(std::span<const std::string_view> pieces) override {
    for (const auto piece : pieces) backend_.written += piece;
    return net::Flow::open;
  }
  Wait when_writable(std::function<void(Result<void>)>) override { return {}; }
  size_t pending_bytes() const override { return 0; }
  std::string kept() const override { return {}; }
  void shutdown() override {}
  void reset_on_close() override {}
  bool is_stale() const override { return false; }
  bool has_hung_up() const override { return false; }
  bool has_broken() const override { return false; }
  size_t unacknowledged() const override { return 0; }
  const Address& peer() const override { return peer_; }
  Result<net::Peer> peer_process() const override { return wire::cannot_be_left(); }
  Result<net::Descriptor> duplicate() const override { return wire::cannot_be_left(); }

 private:
  ToyBackend& backend_;
  Address peer_ = *Address::parse("192.0.2.9:9001");
};

class ToyBackendConnection final : public wire::ClientConnection, private net::Reader {
 public:
  static constexpr size_t kMostStreams = 3;

  explicit ToyBackendConnection(std::unique_ptr<net::Transport> transport)
      : transport_(std::move(transport)) {
    transport_->start_reading(*this);
  }

  void send_preface(std::string_view bytes) override { transport_->write({&bytes, 1}); }
  bool has_room() const override { return !is_broken_ && streams_.size() < kMostStreams; }
  wire::ClientStream& open_stream() override {
    const int id = ++last_id_;
    return *(streams_[id] = std::make_unique<Stream>(*this, id));
  }
  bool finish_stream(wire::ClientStream& stream) override {
    forget(stream);
    return !is_broken_;
  }
  bool reset_stream(wire::ClientStream& stream) override {
    if (!is_broken_) static_cast<Stream&>(stream).write("!", {});
    return finish_stream(stream);
  }
  bool is_busy() const override { return !streams_.empty(); }
  bool is_stale() const override { return is_broken_; }

 private:
  class Stream final : public wire::ClientStream {
   public:
    Stream(ToyBackendConnection& of, int id) : connection_(of), id_(id) {}

    wire::Flow write(std::string_view what, std::string_view bytes) {
      const std::string line = concat({std::to_string(id_), " ", what, bytes, "\n"});
      const std::string_view piece = line;
      return connection_.transport_->write({&piece, 1});
    }
    /// May destroy this, as may the next.
    void hear(char what, std::string_view bytes) {
      if (what == '+') return source_.say(bytes);
      if (what == '.') return source_.end();
      REQUIRE(what == '<');
      const std::string text = concat({"HTTP/1.1 ", bytes, " \r\nTransfer-Encoding: chunked\r\n\r\n"});
      REQUIRE(http::HeadDecoder(http::HeadDecoder::Of::response, {}).decode(text, head_, false));
      has_answered_ = true;
      head_pending_.fire(&head_);
    }
    void fail() {
      const Error error{.code = ErrorCode::closed, .message = "the toy broke", .origin = Origin::upstream};
      head_pending_.is_waited_for() ? head_pending_.fire(error) : source_.end(error);
    }

    wire::ClientConnection& connection() override { return connection_; }
    wire::Flow send_head(const http::RequestHead& head, const http::RequestForwarding&,
                         wire::Follows) override {
      return write("> ", concat({head.method(), " ", head.path()}));
    }
    Wait read_head(OnHead on_head) override { return head_pending_.wait(std::move(on_head)); }
    void end_sending() override { write(".", {}); }
    void switch_protocols() override {}
    bool has_answered() const override { return has_answered_; }
    void start_body(wire::BodyReceiver& receiver) override { source_.start(receiver); }
    void pause_body() override { source_.pause(); }
    void resume_body() override { source_.resume(); }
    void stop_body() override { source_.stop(); }
    bool has_buffered_body() const override { return !source_.unread().empty(); }
    const http::FieldList& trailers() const override { return none_; }
    wire::Flow write_body(wire::Slices pieces) override {
      for (const auto piece : pieces) write("+ ", piece);
      return wire::Flow::open;
    }
    wire::Flow end_body(const http::FieldList&) override { return write(".", {}); }
    Wait when_writable(std::function<void(Result<void>)> callback) override {
      return writable_.wait(std::move(callback));
    }

    int id() const { return id_; }

   private:
    ToyBackendConnection& connection_;
    const int id_;
    TestSource source_;
    http::ResponseHead head_;
    Pending<Result<const http::ResponseHead*>> head_pending_;
    Pending<Result<void>> writable_;
    bool has_answered_ = false;
    http::FieldList none_;
  };

  void forget(const wire::ClientStream& stream) { streams_.erase(static_cast<const Stream&>(stream).id()); }

  void on_bytes(std::string_view bytes) override {
    const Alive::Watch watch(alive_);
    while (watch && !bytes.empty()) {
      const size_t end = bytes.find('\n');
      const std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      const auto to = streams_.find(line[0] - '0');
      if (to != streams_.end()) to->second->hear(line[2], line.substr(std::min(line.size(), size_t{4})));
    }
  }
  /// Each stream fails, and is dropped then.
  void on_end(Result<void>) override {
    is_broken_ = true;
    if (streams_.empty()) return owner().on_connection_gone(*this);
    const Alive::Watch watch(alive_);
    while (watch) streams_.begin()->second->fail();
  }

  std::unique_ptr<net::Transport> transport_;
  std::map<int, std::unique_ptr<Stream>> streams_;  // By number, which has one digit.
  int last_id_ = 0;
  bool is_broken_ = false;
  Alive alive_;
};

}  // namespace sluice::proxy
