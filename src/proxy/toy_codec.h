// A throwaway protocol with several requests open at once, to show that none of this folder has to know how a
// client speaks. A request is a line, "ID METHOD TARGET [BODY]"; its answer is "ID head STATUS", "ID body
// BYTES" as often as it takes, and "ID end" or "ID reset". Answers may come in any order.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/text.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::proxy {

class ToyConnection;

class ToyStream final : public wire::ServerStream {
 public:
  /// A line that is no request makes a stream without one.
  ToyStream(ToyConnection& connection, std::string_view line) : connection_(connection) {
    id_ = next_word(line);
    const std::string_view method = next_word(line);
    const std::string_view target = next_word(line);
    body_ = line;
    const std::string size =
        body_.empty() ? "" : concat({"Content-Length: ", std::to_string(body_.size()), "\r\n"});
    http::HeadDecoder decoder(http::HeadDecoder::Of::request, {});
    const auto read =
        decoder.decode(concat({method, " ", target, " HTTP/1.1\r\nHost: toy\r\n", size, "\r\n"}), head_);
    is_request_ = read && read->complete;
  }
  bool is_request() const { return is_request_; }
  wire::StreamHandler* handler() const { return handler_; }

  void set_handler(wire::StreamHandler& handler) override { handler_ = &handler; }
  const http::RequestHead& request() const override { return head_; }
  const wire::Client& client() const override;
  void send_interim(const http::ResponseHead&, const http::FieldEdits*) override {}
  void send_continue() override {}
  wire::Flow send_head(const http::ResponseHead& head, const http::FieldEdits*, wire::Follows) override {
    status_ = head.status;
    return wire::Flow::open;
  }
  wire::ReplySent send_reply(const http::LocalResponse& response) override {
    status_ = response.status;
    say("body", response.explanation);
    end_body({});
    return {.flow = wire::Flow::open, .content_size = response.explanation.size()};
  }
  wire::Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) override {
    return send_head(head, edits, wire::Follows::nothing_yet);
  }
  bool is_committed() const override { return committed_; }
  void discard_head() override { status_ = 0; }
  void finish() override;
  void abort() override;

  void start_body(wire::BodyReceiver& receiver) override {
    const std::string body = std::exchange(body_, {});
    const std::string_view piece = body;
    const Alive::Watch watch(alive_);
    if (!body.empty()) receiver.on_body({&piece, 1});
    if (watch) receiver.on_body_end({});
  }
  void pause_body() override {}
  void resume_body() override {}
  void stop_body() override {}
  bool has_buffered_body() const override { return !body_.empty(); }
  const http::FieldList& trailers() const override { return none_; }
  using BodySink::write_body;
  wire::Flow write_body(wire::Slices pieces) override {
    for (const auto piece : pieces) say("body", piece);
    return wire::Flow::open;
  }
  wire::Flow end_body(const http::FieldList&) override {
    say("end", {});
    return wire::Flow::open;
  }
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return writable_.wait(std::move(callback));  // It never blocks.
  }

 private:
  static std::string_view next_word(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
  }
  void say(std::string_view what, std::string_view more);

  ToyConnection& connection_;
  wire::StreamHandler* handler_ = nullptr;
  std::string id_;
  http::RequestHead head_;
  std::string body_;
  Pending<Result<void>> writable_;
  http::FieldList none_;
  Alive alive_;
  int status_ = 0;
  bool is_request_ = false;
  bool committed_ = false;
};

class ToyConnection final : public wire::ServerConnection, private net::Reader {
 public:
  ToyConnection(std::unique_ptr<net::Transport> transport, wire::BetweenRequests from,
                wire::ServerContext& context)
      : transport_(std::move(transport)), at_(std::move(from)), context_(context) {}

  void start(wire::ServerHandler& handler) override {
    handler_ = &handler;
    transport_->start_reading(*this);
    on_bytes({});
  }
  void refuse(wire::ServerHandler& handler, const Error& error) override {
    handler_ = &handler;
    is_last_ = true;
    handler.on_bad_request(streams_.emplace_back(*this, "- - -"), error);
  }
  Result<wire::ServerStream*> start_tunnel(wire::ServerHandler&, std::string_view, std::string) override {
    return wire::cannot_be_left();
  }
  const wire::Client& client() const override { return at_.client; }
  uint64_t requests() const override { return at_.requests; }
  bool is_lingering() const override { return false; }
  void retire(Duration quiet) override {
    is_last_ = true;
    context_.deadlines.arm(quiet_, quiet);
  }
  void suspend_when_idle() override {
    is_awaited_ = true;
    if (streams_.empty()) handler_->on_idle();
  }
  void stay() override { is_last_ = is_awaited_ = false; }
  Result<wire::SuspendedConnection> suspend() override {
    auto connection = transport_->duplicate();
    if (!connection) return std::move(connection).error();
    return wire::SuspendedConnection{.at = at_, .connection = *std::move(connection)};
  }

  void say(std::string_view line) { static_cast<void>(transport_->write({&line, 1})); }
  void forget(ToyStream& stream) {
    streams_.remove_if([&](const ToyStream& each) { return &each == &stream; });
    if (!streams_.empty()) return;
    if (is_last_) return handler_->on_over();
    if (is_awaited_) handler_->on_idle();
  }

 private:
  void on_bytes(std::string_view bytes) override {
    at_.bytes.append(bytes);
    const Alive::Watch watch(alive_);
    while (watch && at_.bytes.find('\n') != std::string::npos) {
      const std::string line = at_.bytes.substr(0, at_.bytes.find('\n'));
      at_.bytes.erase(0, line.size() + 1);
      ToyStream& stream = streams_.emplace_back(*this, line);
      ++at_.requests;
      if (stream.is_request()) {
        handler_->on_request(stream);
      } else {
        handler_->on_bad_request(stream,
                                 {.code = ErrorCode::malformed, .message = "no request", .status = 400});
      }
    }
  }
  void on_end(Result<void>) override {
    const Alive::Watch watch(alive_);
    is_last_ = is_awaited_ = false;
    while (watch && !streams_.empty()) streams_.front().handler()->on_client_gone(wire::client_left());
    if (watch) handler_->on_over();
  }

  std::unique_ptr<net::Transport> transport_;
  wire::BetweenRequests at_;
  wire::ServerContext& context_;
  wire::ServerHandler* handler_ = nullptr;
  std::list<ToyStream> streams_;
  Deadline quiet_{[this] {
    if (streams_.empty()) handler_->on_over();
  }};
  Alive alive_;
  bool is_last_ = false;     // no other request is to come
  bool is_awaited_ = false;  // the moment without a stream
};

inline const wire::Client& ToyStream::client() const {
  return connection_.client();
}

inline void ToyStream::say(std::string_view what, std::string_view more) {
  const auto line = [&](std::string_view kind, std::string_view text) {
    connection_.say(concat({id_, " ", kind, text.empty() ? "" : " ", text, "\n"}));
  };
  if (!std::exchange(committed_, true)) line("head", std::to_string(status_));
  line(what, more);
}

inline void ToyStream::finish() {
  connection_.forget(*this);
}

inline void ToyStream::abort() {
  say("reset", {});
  connection_.forget(*this);
}

}  // namespace sluice::proxy
