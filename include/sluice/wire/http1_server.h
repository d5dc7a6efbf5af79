// The client's side of HTTP/1: one connection, its requests one after the other.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/free_list.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/date.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>
#include <sluice/wire/resting.h>
#include <sluice/wire/server_connection.h>
#include <sluice/wire/server_context.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

namespace sluice::wire {

/// Its own stream: it has one request at a time.
class Http1ServerConnection final : public ServerConnection,
                                    public ServerStream,
                                    private net::Reader,
                                    private Resting {
 public:
  /// Goes on from `from`, once it is started.
  Http1ServerConnection(std::unique_ptr<net::Transport> transport, BetweenRequests from,
                        ServerContext& context);
  ~Http1ServerConnection() override;

  void start(ServerHandler& handler) override;
  void refuse(ServerHandler& handler, const Error& error) override;
  Result<ServerStream*> start_tunnel(ServerHandler& handler, std::string_view head,
                                     std::string read) override;
  uint64_t requests() const override { return requests_; }
  void retire(Duration quiet) override;
  void suspend_when_idle() override;
  void stay() override;
  Result<SuspendedConnection> suspend() override;
  bool is_lingering() const override { return state_ == State::lingering; }

  const http::RequestHead& request() const override { return reading_->head; }
  void set_handler(StreamHandler& handler) override { stream_handler_ = &handler; }
  const Client& client() const override { return client_; }
  void send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  void send_continue() override;
  Flow send_head(const http::ResponseHead& head, const http::FieldEdits* edits, Follows follows) override;
  OwnSent send_own(const http::OwnResponse& response) override;
  Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  Result<TunnelEnd> leave_tunnel() override;
  bool has_left() override;
  bool is_committed() const override { return committed_; }
  void discard_head() override;
  void finish() override;
  void abort() override;

  void start_body(BodyReceiver& receiver) override;
  void pause_body() override;
  void resume_body() override;
  void stop_body() override;
  bool has_buffered_body() const override;
  const http::FieldList& trailers() const override { return body_.trailers(); }

  using BodySink::write_body;
  Flow write_body(Slices pieces) override;
  Flow end_body(const http::FieldList& trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;

 private:
  enum class State : uint8_t {
    idle,       // between requests
    head,       // within a request's head
    exchange,   // a request is being answered
    lingering,  // the answer is given; what still comes is thrown away, so that the client can read the
                // answer
  };

  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  bool close_if_quiet() override;

  void process(std::string_view bytes);
  size_t read_head(std::string_view bytes);
  size_t read_body(std::string_view bytes);
  void keep(std::string_view bytes);
  void read_on();
  void process_kept();
  void process_end();
  void begin_exchange();
  void refuse(const Error& error);
  void linger();
  void on_last_sent(Result<void> how);
  void leave();
  void become_idle();
  void end_of_body(Result<void> how);
  void expect_body();
  bool is_body_too_slow();
  bool is_known_request() const;
  void on_deadline();
  void on_write_deadline();
  bool is_cut() const;
  void client_gone(const Error& error);
  void tell_gone(const Error& error);
  BetweenRequests leave_off();
  void watch_client();
  void look_for_client();
  void skip_sent(std::string_view& piece);
  void on_drained(Result<void> how);
  bool is_to_end() const { return closing_ || retires_; }
  /// The client has ended its direction, and sent no request behind this one.
  bool nothing_follows() const { return ended_ && buffered_.empty() && unread_.empty(); }
  bool body_wanted() const { return receiver_ != nullptr && !body_paused_; }
  Flow write(std::initializer_list<std::string_view> pieces);
  Flow write(std::string_view before, Slices pieces, std::string_view behind);

  struct HalfClosed {
    explicit HalfClosed(std::function<void()> look) : next(std::move(look)) {}
    Deadline next;
    Duration interval{};
    size_t sent = 0;         // bytes of the answer to come
    bool in_answer = false;  // the client ended it when the answer had begun
    bool is_silent = true;   // nothing of the answer was written since the last look
  };

  // What each request touches lies together: a busy worker has thousands of connections.
  std::unique_ptr<net::Transport> transport_;
  ServerContext& context_;
  ServerHandler* handler_ = nullptr;         // once it is started
  StreamHandler* stream_handler_ = nullptr;  // of the request under way
  State state_ = State::idle;
  bool body_paused_ = false;
  bool retires_ = false;
  bool said_close_ = false;
  bool committed_ = false;
  bool continue_awaited_ = false;  // the client waits for a 100 before it sends the body
  bool continue_sent_ = false;     // ... and has got ours
  bool is_tunnel_ = false;
  bool is_awaited_ = false;  // the moment between two requests
  bool ended_ = false;       // the client has closed its direction
  bool closing_ = false;     // whatever its owner says
  bool processing_ = false;
  bool reading_stopped_ = false;
  http::BodyDecoder body_;
  FreeList<RequestReading>::Item reading_;
  BodyReceiver* receiver_ = nullptr;
  std::string_view unread_;  // of the bytes being processed, what is not used yet
  Alive alive_;
  uint64_t requests_ = 0;
  uint64_t body_read_ = 0;
  Duration body_wanted_for_{};  // how long this body has kept us waiting
  TimePoint body_wanted_since_;
  Deadline deadline_;     // for what is to be read
  std::string buffered_;  // read, but not wanted yet: the body's start, or the next request
  http::Framing out_framing_;
  std::string out_head_;                     // given, not yet committed
  std::unique_ptr<HalfClosed> half_closed_;  // the client has ended its direction, and may wait or have left
  Client client_;
  Wait drained_;
  Deadline write_deadline_;  // for what is to be written
  Pending<Result<void>> writable_;
  Duration quiet_{};  // how long it may rest once it is to end
};

}  // namespace sluice::wire
