// One connection to the demo application.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/demo/demo_app.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::demo {

enum class Ping { ok, draining, fail, hang };

/// What all connections of one application share.
struct Shared {
  net::Loop& loop;
  DemoAppOptions options;
  Ping ping = Ping::ok;
  bool closing = false;  ///< every answer is its connection's last
  FILE* log = nullptr;
};

/// Answers the requests on it one after the other. The owner destroys it when `on_over` says so.
class Client final : private net::Reader {
 public:
  Client(std::unique_ptr<net::Transport> transport, Shared& shared, std::function<void(Client&)> on_over);

  bool is_idle() const { return !busy_ && !decoder_.has_begun(); }

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  void go_on();
  bool read_body();
  void answer();
  void answer_ping();
  void answer_stream(std::string_view parameters);
  void control(std::string_view what);
  void reply(int status, std::string_view body);
  void reply_later(Duration delay, int status, std::string body);
  void stream_next();
  void done();
  void break_off();
  void write(std::initializer_list<std::string_view> pieces);
  void note_request() const;

  std::unique_ptr<net::Transport> transport_;
  Shared& shared_;
  std::function<void(Client&)> on_over_;
  http::HeadDecoder decoder_{http::HeadDecoder::Of::request, {}};
  http::BodyDecoder body_;
  http::RequestHead head_;
  std::string input_;
  std::string body_bytes_;
  Deadline deadline_;           // of a delayed answer, or of an idle connection
  std::function<void()> next_;  // what the deadline leads to
  Wait flushed_;
  uint64_t chunks_left_ = 0;
  Duration chunk_every_{};
  Alive alive_;
  bool busy_ = false;  // a request is being answered
  bool has_head_ = false;
  bool ended_ = false;  // the client has said all it will
};

}  // namespace sluice::demo
