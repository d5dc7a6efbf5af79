// A message's body on its way: where it comes from, where it goes, and the pump between the two.
#pragma once

#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/http/body_decoder.h>
#include <sluice/http/field_list.h>
#include <sluice/net/transport.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::wire {

using net::Flow;

/// Bytes of a body that lie in several places, in their order. None of them is empty.
using Slices = std::span<const std::string_view>;
inline size_t size_of(Slices pieces) {
  size_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  return bytes;
}
/// No more are given at a time.
constexpr size_t kMaxSlices = http::BodyDecoder::Slices::kMost;

/// Takes the pieces of a body. Each call may destroy the source.
class BodyReceiver {
 public:
  /// There is at least one; they are valid during the call only.
  virtual void on_body(Slices pieces) = 0;
  /// The body is whole, or it was cut: the error's origin says by which side.
  virtual void on_body_end(Result<void> how) = 0;

 protected:
  ~BodyReceiver() = default;
};

class BodySource {
 public:
  virtual ~BodySource() = default;
  /// From now on pieces go to `receiver`. May deliver what is in hand at once: the caller's last line.
  virtual void start_body(BodyReceiver& receiver) = 0;
  /// No piece is delivered between pause and resume (the end may be), and the peer feels it. Resuming, too,
  /// may deliver at once: the caller's last line.
  virtual void pause_body() = 0;
  virtual void resume_body() = 0;
  /// Nothing is delivered any more; what comes is kept up to a bound.
  virtual void stop_body() = 0;
  /// Bytes of the body have already been read and will be delivered as soon as the caller returns.
  virtual bool has_buffered_body() const = 0;
  /// The body's trailers: once it has ended, until the next body.
  virtual const http::FieldList& trailers() const = 0;
};

class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Takes all of `pieces`. When blocked, wait with when_writable() before the next.
  virtual Flow write_body(Slices pieces) = 0;
  Flow write_body(std::string_view piece) { return write_body(Slices(&piece, 1)); }
  /// The body is whole. When blocked, some of it has not left yet. The trailers are dropped where the framing
  /// has no place for them.
  virtual Flow end_body(const http::FieldList& trailers) = 0;
  [[nodiscard]] virtual Wait when_writable(std::function<void(Result<void>)> callback) = 0;
};

/// Moves one body from a source to a sink, as fast as the sink takes it. Stops when dropped.
class Pump final : private BodyReceiver {
 public:
  /// Sees every piece before it is written.
  using OnPiece = std::function<void(std::string_view)>;
  /// All pieces were handed to the sink, or one of the two broke. The callback has to call the sink's
  /// end_body().
  using OnDone = std::function<void(Result<void>)>;

  Pump() = default;
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;
  ~Pump() { stop(); }

  /// `flow` is what the last write to the sink has said: when it is blocked, the pump waits for the sink
  /// first.
  void start(BodySource& source, BodySink& sink, Flow flow, OnPiece on_piece, OnDone on_done);
  /// Before a start: at most so many bytes are passed on. Pieces that would go beyond are not written, and
  /// end the pump with an error of code too_large.
  void bound(uint64_t bytes) { left_ = bytes; }
  /// Forgets both ends.
  void stop();
  /// The source is gone: forget it without touching it.
  void forget();
  bool is_running() const { return source_ != nullptr; }
  /// Waits for the sink, not for the source.
  bool is_blocked() const { return static_cast<bool>(wait_); }

 private:
  void on_body(Slices pieces) override;
  void on_body_end(Result<void> how) override;
  void wait_for_sink();
  void on_writable(Result<void> how);
  void done(Result<void> how);
  bool is_too_much(Slices pieces);

  BodySource* source_ = nullptr;
  BodySink* sink_ = nullptr;
  OnPiece on_piece_;
  OnDone on_done_;
  Wait wait_;
  std::optional<uint64_t> left_;  // of its bound
  bool started_ = false;
};

}  // namespace sluice::wire
