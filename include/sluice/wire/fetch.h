// One request of our own on a connection of its own, and its answer: what a probe asks, or anything else that
// an HTTP server is to say to Sluice itself.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/deadlines.h>
#include <sluice/base/result.h>
#include <sluice/http/head.h>
#include <sluice/http/head_decoder.h>
#include <sluice/net/transport.h>
#include <sluice/wire/lingering.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::wire {

/// What a fetch may take.
struct FetchLimits {
  Duration time{};          ///< for all of it, from its making to the close of its connection; above zero
  http::HeadLimits head{};  ///< of each head of the answer
  uint64_t body = std::numeric_limits<uint64_t>::max();  ///< bytes of content
};

/// Gets the answer. Each call may destroy the Fetch, and the Lingering behind it.
class FetchHandler {
 public:
  /// The final response's head, once. Interim ones were skipped (RFC 9110 15.2). Valid until the Fetch is
  /// dropped, or on_end() has returned.
  virtual void on_head(const http::ResponseHead& head) = 0;
  /// The next bytes of the content, without their framing; never empty, and valid during the call only.
  virtual void on_body(std::string_view piece) = 0;
  /// The answer is whole, or why it will not be. Once, and nothing follows. The codes of errors: `malformed`
  /// (no rule of HTTP allows what came), `too_large` (beyond a limit), `closed` (the server ended the
  /// connection in order, but too early), `timed_out`, or that of the transport's error.
  virtual void on_end(Result<void> how) = 0;

 protected:
  ~FetchHandler() = default;
};

/// Follows no redirect, asks once, and uses its connection for nothing else. One thread's, that of its
/// transport. Dropping it is stop().
///
/// Its time runs from its making on, so that the caller's connecting and TLS handshake have one bound
/// together with the answer.
///
/// However it ends, a connection on which the server may still be writing is not just closed: the server
/// would log that it was broken. The connection goes to `lingering`, and the rest of the answer is read until
/// the server closes, as `Connection: close` asks it to (RFC 9112 9.6). So the server has the connection's
/// TIME_WAIT, too: those of thousands of fetches a second would fill our tables. A server that keeps the
/// connection behind the end of its answer has it closed in order a moment later, or when the time is over.
/// One whose answer has not ended by then is reset (TCP RST), as is one that has sent kMostLingering more.
class Fetch {
 public:
  /// The most that is read of an answer while it lingers.
  static constexpr size_t kMostLingering = size_t{16} * 1024 * 1024;

  /// `handler` and `lingering` outlive it, and `deadlines` outlives `lingering`. At the end of limits.time
  /// the handler gets its error, whether or not start() was called.
  Fetch(Deadlines& deadlines, Lingering& lingering, const FetchLimits& limits, FetchHandler& handler);
  ~Fetch();
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  /// Once, before the end: asks on a connection that nothing reads from. `request` is a whole HTTP/1.1
  /// request in pieces, valid during the call only, with `Connection: close`, of any method but HEAD and
  /// CONNECT, whose answers have no body whatever their fields say (RFC 9112 6.3). Nothing is reported before
  /// this call has returned.
  void start(std::unique_ptr<net::Transport> transport, std::span<const std::string_view> request);
  /// The end, unless it has ended already: nothing is reported any more.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;  // until the end
};

}  // namespace sluice::wire
