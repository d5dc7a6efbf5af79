// The backend's side of HTTP/1: one connection, its exchanges one after the other.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/deadlines.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>
#include <sluice/wire/stream.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

namespace sluice::wire {

/// Of a response's head, unless said otherwise: applications set many cookies.
inline constexpr http::HeadLimits kResponseLimits{.bytes = size_t{256} * 1024, .fields = 1000};

class Http1ClientConnection final : public ClientStream, private net::Reader {
 public:
  /// `out` is the worker's buffer that heads are written to first. `limits` are looked at for each response.
  Http1ClientConnection(std::unique_ptr<net::Transport> transport, Deadlines& deadlines, std::string& out,
                        const http::HeadLimits& limits = kResponseLimits);
  /// A tunnel of another owner's, which goes on with start_body(). `read` has come from the backend and is
  /// not passed on.
  Http1ClientConnection(std::unique_ptr<net::Transport> transport, Deadlines& deadlines, std::string& out,
                        std::string read);
  ~Http1ClientConnection() override;

  void send_preface(std::string_view bytes) override;
  Flow send_head(const http::RequestHead& head, const http::RequestForwarding& forwarding,
                 Follows follows) override;
  Wait read_head(OnHead on_head) override;
  void switch_protocols() override;
  Result<TunnelEnd> leave_tunnel() override;
  bool has_answered() const override { return answered_; }
  bool has_taken_nothing() const override { return taken_nothing_; }
  void end_sending() override;
  bool is_reused() const override { return exchanges_ > 1; }
  bool is_stale() const override { return broken_ || transport_->is_stale(); }
  bool may_be_reused() const override { return may_serve_its_client() && !has_preface_; }
  bool may_serve_its_client() const override;
  void park(Duration idle, std::function<void(ClientStream&)> on_gone) override;
  void unpark() override;
  Duration idle_time() const override { return deadlines_.clock().now() - parked_at_; }

  void start_body(BodyReceiver& receiver) override;
  void pause_body() override;
  void resume_body() override;
  void stop_body() override;
  bool has_buffered_body() const override { return !unread_.empty() || !buffered_.empty(); }
  std::string_view trailers() const override { return body_.trailers(); }

  using BodySink::write_body;
  Flow write_body(Slices pieces) override;
  Flow end_body(std::string_view trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;

 private:
  enum class State : uint8_t { resting, head, body, complete };

  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;
  void process(std::string_view bytes);
  Result<size_t> read_response_head(std::string_view bytes);
  Result<size_t> read_response_body(std::string_view bytes);
  void process_kept();
  Flow write(std::initializer_list<std::string_view> pieces);
  Flow write(std::string_view before, Slices pieces, std::string_view behind);
  Flow refuse_body();
  bool is_as_declared(uint64_t bytes);
  void on_deadline();
  void fail(Error error);
  void complete();
  bool body_wanted() const { return receiver_ != nullptr && !body_paused_; }

  void become_tunnel();

  // What each request touches lies together: a busy worker has thousands of connections.
  std::unique_ptr<net::Transport> transport_;
  Deadlines& deadlines_;
  std::string& out_;
  const http::HeadLimits& limits_;
  State state_ = State::resting;
  bool to_head_request_ = false;
  bool request_sent_ = false;
  bool body_refused_ = false;  // it was not what its head has said
  bool answered_ = false;
  bool taken_nothing_ = false;
  bool broken_ = false;
  bool body_paused_ = false;
  bool reading_stopped_ = false;
  bool upgrade_asked_ = false;
  bool is_tunnel_ = false;
  bool single_use_ = false;
  bool has_preface_ = false;
  bool end_untold_ = false;  // of a body that is whole: it came while nothing received it
  bool ended_ = false;       // the backend has closed its direction
  uint64_t exchanges_ = 0;
  size_t written_ = 0;     // of this exchange
  uint64_t declared_ = 0;  // of the request's body, what its head has said and has not come yet
  http::Framing out_framing_;
  std::string out_head_;
  std::string preface_;
  std::function<void(ClientStream&)> on_gone_;
  Deadline deadline_;  // for what rests; to report a body that was refused
  TimePoint parked_at_;
  Pending<Result<const http::ResponseHead*>> head_pending_;
  BodyReceiver* receiver_ = nullptr;
  Alive alive_;
  std::string_view unread_;
  std::string buffered_;
  std::unique_ptr<Error> failure_;  // came while nothing waited for it
  http::BodyDecoder body_;
  http::ResponseHead head_;
  http::HeadDecoder decoder_;
};

}  // namespace sluice::wire
