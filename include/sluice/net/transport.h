// Bytes both ways with back-pressure. TCP, Unix sockets and TLS look alike from above.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/peer.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::net {

/// After a write: may more be written now, or would it pile up?
enum class Flow { open, blocked };

/// Gets what a transport reads; a transport has at most one. Each call may destroy the transport.
class Reader {
 public:
  /// `bytes` are valid during the call only (they are the loop's scratch buffer).
  virtual void on_bytes(std::string_view bytes) = 0;
  /// Nothing comes any more: in order (the peer's end of file) or with the error that broke the connection.
  virtual void on_end(Result<void> how) = 0;

 protected:
  ~Reader() = default;
};

/// One thread's. Destroying it closes it; bytes still kept for the peer are then dropped. No method has a
/// default: each kind of transport answers each question for itself.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Delivers what arrives to `reader` until stop_reading() or the end. The reader must outlive the reading.
  /// Nothing is delivered before this call has returned.
  virtual void start_reading(Reader& reader) = 0;
  /// Leaves further bytes with the kernel, which makes the peer wait. Costs a system call: never around a
  /// request.
  virtual void stop_reading() = 0;

  /// Writes all `pieces` in order: what the kernel takes at once, the rest from a copy kept here. `blocked`
  /// when something is kept, or when the write failed: then wait with when_writable() before writing more.
  /// The sum of what callers hand in while blocked is theirs to bound.
  virtual Flow write(std::span<const std::string_view> pieces) = 0;
  /// Runs the callback once nothing is kept any more, or with the error that broke the connection.
  [[nodiscard]] virtual Wait when_writable(std::function<void(Result<void>)> callback) = 0;
  /// Bytes kept for the peer.
  virtual size_t pending_bytes() const = 0;
  /// A copy of them, for going on with the connection elsewhere (see duplicate()).
  virtual std::string kept() const = 0;

  /// Ends our direction (TCP FIN) once everything kept has left. No write may follow.
  virtual void shutdown() = 0;
  /// Makes the coming close a reset (TCP RST), so that the peer cannot take a cut message for a whole one.
  virtual void reset_on_close() = 0;

  /// True when the peer has already ended or broken the connection, or sent something unasked. Asks the
  /// kernel: for idle connections about to be used again, when the request could not be repeated.
  virtual bool is_stale() const = 0;

  /// True when the peer has ended its direction or broken the connection, as far as the kernel knows,
  /// whatever has been read. Asks the kernel: for connections that are not read from.
  virtual bool has_hung_up() const = 0;
  /// True when nothing that is written reaches the peer any more, as far as the kernel knows: the connection
  /// was reset, or is a Unix socket that the peer has closed. A TCP peer that has closed in order says so
  /// only in answer to bytes.
  virtual bool has_broken() const = 0;

  /// Bytes that were written and that the peer's kernel has not acknowledged (on a Unix socket: that the peer
  /// has not read). Asks the kernel; also right once the connection has ended.
  virtual size_t unacknowledged() const = 0;

  virtual const Address& peer() const = 0;
  /// The process at the other end of a Unix socket; an error for any other connection.
  virtual Result<Peer> peer_process() const = 0;

  /// The connection itself, for going on with it in another way, or in another process: the transport is to
  /// be dropped then, and what it has kept has not left. An error when no descriptor stands for it.
  virtual Result<Descriptor> duplicate() const = 0;
};

}  // namespace sluice::net
