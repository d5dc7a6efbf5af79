// The backend's side of HTTP/1: one connection, its exchanges one after the other.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/deadlines.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>
#include <sluice/wire/client_connection.h>
#include <sluice/wire/http1_request_writer.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sluice::wire {

/// Of a response's head, unless said otherwise: applications set many cookies.
inline constexpr http::HeadLimits kResponseLimits{.bytes = size_t{256} * 1024, .fields = 1000};

/// Its own stream: one exchange at a time.
class Http1ClientConnection final : public ClientStream, public ClientConnection, private net::Reader {
 public:
  /// `out` is the worker's buffer that heads are written to first. `limits` are looked at for each response.
  Http1ClientConnection(std::unique_ptr<net::Transport> transport, Deadlines& deadlines, std::string& out,
                        const http::HeadLimits& limits = kResponseLimits);
  ~Http1ClientConnection() override;

  void send_preface(std::string_view bytes) override { request_.set_preface(bytes); }
  bool has_room() const override { return state_ == State::resting; }
  ClientStream& open_stream() override;
  /// Goes on with start_body().
  Result<ClientStream*> resume_tunnel(std::string read) override;
  bool finish_stream(ClientStream& stream) override;
  bool reset_stream(ClientStream& stream) override;
  bool is_busy() const override { return state_ != State::resting; }
  bool is_stale() const override { return broken_ || transport_->is_stale(); }

  ClientConnection& connection() override { return *this; }
  Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                 Follows follows) override;
  Wait read_head(OnHead on_head) override;
  void switch_protocols() override;
  Result<TunnelEnd> suspend_tunnel() override;
  bool has_answered() const override { return answered_; }
  bool has_taken_nothing() const override { return taken_nothing_; }
  void end_sending() override;

  void start_body(BodyReceiver& receiver) override;
  void pause_body() override;
  void resume_body() override;
  void stop_body() override;
  bool has_buffered_body() const override { return !unread_.empty() || !buffered_.empty(); }
  const http::FieldList& trailers() const override { return body_.trailers(); }

  using BodySink::write_body;
  Flow write_body(Slices pieces) override;
  Flow end_body(const http::FieldList& trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;

 private:
  enum class State : uint8_t { resting, taken, head, body, complete };

  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  void process(std::string_view bytes);
  Result<size_t> read_response_head(std::string_view bytes);
  Result<size_t> read_response_body(std::string_view bytes);
  void process_kept();
  Flow refuse_body();
  bool may_be_used_again() const;
  void fail(Error error);
  void complete();
  bool body_wanted() const { return receiver_ != nullptr && !body_paused_; }

  // What each request touches lies together: a busy worker has thousands of connections.
  std::unique_ptr<net::Transport> transport_;
  Deadlines& deadlines_;
  const http::HeadLimits& limits_;
  State state_ = State::resting;
  bool answered_ = false;
  bool taken_nothing_ = false;
  bool broken_ = false;
  bool body_paused_ = false;
  bool reading_stopped_ = false;
  bool end_untold_ = false;  // of a body that is whole: it came while nothing received it
  bool ended_ = false;       // the backend has closed its direction
  Http1RequestWriter request_;
  Pending<Result<const http::ResponseHead*>> head_pending_;
  BodyReceiver* receiver_ = nullptr;
  Alive alive_;
  std::string_view unread_;
  std::string buffered_;
  std::unique_ptr<Error> failure_;     // came while nothing waited for it
  std::unique_ptr<Deadline> refusal_;  // once a body was refused, to report that
  http::BodyDecoder body_;
  http::ResponseHead head_;
  http::HeadDecoder decoder_;
};

}  // namespace sluice::wire
