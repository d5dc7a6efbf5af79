// The request under way on a client's HTTP/1 connection, and its answer.
#pragma once

#include <sluice/base/free_list.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/forwarding.h>
#include <sluice/wire/server_context.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

class Http1ServerConnection;

/// A part of its connection, which uses it for one request after the other.
class Http1ServerStream final : public ServerStream {
 public:
  /// How an answer that was given whole has left the connection.
  struct End {
    bool request_read = false;  // to its end
    bool keep_alive = false;    // the client meant to stay
    bool said_close = false;    // the answer has said that the connection ends
  };

  explicit Http1ServerStream(Http1ServerConnection& connection) : connection_(connection) {}

  // For the connection.

  void begin(FreeList<RequestReading>::Item reading);
  /// What came is no request, or not a whole one: `reading` has what there is of it.
  void begin_refused(FreeList<RequestReading>::Item reading);
  /// Goes on with another owner's tunnel.
  void begin_tunnel(FreeList<RequestReading>::Item reading);
  bool is_tunnel() const { return is_tunnel_; }
  bool is_body_complete() const { return body_.is_complete(); }
  bool wants_body() const { return receiver_ != nullptr && !body_paused_ && !body_.is_complete(); }
  /// What comes is its body, and has to wait.
  bool holds_up_client() const { return !body_.is_complete() && (receiver_ != nullptr || is_tunnel_); }
  bool said_close() const { return said_close_; }
  /// Delivers what is there of the body; returns how much of `bytes` was used. Calls out.
  size_t read_body(std::string_view bytes);
  /// ... and that was the last of it: end_body_read() is next.
  bool has_delivered_all() const { return reading_ && receiver_ != nullptr && body_.is_complete(); }
  /// The body is whole, or is cut by this error. Calls out.
  void end_body_read(Result<void> how);
  /// The body would end before it should, when no more than `kept` comes of it.
  bool is_cut(std::string_view kept) const;
  /// The client has gone, or takes nothing. Calls out.
  void lose_client(const Error& error);

  void set_handler(StreamHandler& handler) override { handler_ = &handler; }
  const http::RequestHead& request() const override { return reading_->head; }
  const Client& client() const override;
  void send_interim(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  void send_continue() override;
  Flow send_head(const http::ResponseHead& head, const http::FieldEdits* edits, Follows follows) override;
  ReplySent send_reply(const http::LocalResponse& response) override;
  Flow switch_protocols(const http::ResponseHead& head, const http::FieldEdits* edits) override;
  Result<TunnelEnd> suspend_tunnel() override;
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
  void expect_body();
  Flow write(std::string_view before = {}, Slices pieces = {}, std::string_view behind = {});

  Http1ServerConnection& connection_;
  StreamHandler* handler_ = nullptr;
  FreeList<RequestReading>::Item reading_;
  BodyReceiver* receiver_ = nullptr;
  bool body_paused_ = false;
  bool said_close_ = false;
  bool committed_ = false;
  bool continue_awaited_ = false;  // the client waits for a 100 before it sends the body
  bool continue_sent_ = false;     // ... and has got ours
  bool is_tunnel_ = false;
  http::BodyDecoder body_;
  uint64_t body_read_ = 0;
  http::Framing out_framing_;
  std::string out_head_;  // given, not yet committed
};

}  // namespace sluice::wire
