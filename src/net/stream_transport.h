// A transport over a libuv stream: TCP or a Unix socket.
#pragma once

#include <sluice/base/later.h>
#include <sluice/net/loop.h>
#include <sluice/net/transport.h>

#include <sys/types.h>

#include <string>

#include "net/handle.h"

namespace sluice::net {

/// Bytes that the kernel did not take at once. One write is in flight; what comes meanwhile is collected
/// behind it.
struct KeptWrite {
  uv_write_t request{};
  std::string in_flight;
  std::string next;
};

/// libuv's handle, and what libuv may write from until the handle has closed.
struct Stream {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  std::unique_ptr<KeptWrite> kept;  // nullptr almost always: an idle connection holds no buffer

  Stream() : pipe{} {}
  /// Makes it a libuv handle of the kind that `address` needs; returns 0 or a negated errno.
  int initialise(uv_loop_t* loop, const Address& address);
};

class StreamTransport final : public Transport {
 public:
  /// Takes over a connected, non-blocking descriptor, and closes it whatever happens. The caller sets
  /// TCP_NODELAY.
  static Result<std::unique_ptr<Transport>> adopt(Loop& loop, int descriptor, Address peer);

  /// `stream` is connected.
  StreamTransport(Loop& loop, Handle<Stream> stream, Address peer);

  void start_reading(Reader& reader) override;
  void stop_reading() override;
  Flow write(std::span<const std::string_view> pieces) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;
  size_t pending_bytes() const override;
  std::string kept() const override;
  void shutdown() override;
  void reset_on_close() override;
  bool is_stale() const override;
  bool has_hung_up() const override;
  bool has_broken() const override;
  size_t unacknowledged() const override;
  const Address& peer() const override { return peer_; }
  Result<Peer> peer_process() const override { return peer_of(descriptor_); }
  Result<Descriptor> duplicate() const override { return Descriptor::duplicate_of(descriptor_); }

 private:
  uv_stream_t* raw() const { return &stream_.get()->stream; }
  KeptWrite* kept_write() const { return stream_.get()->kept.get(); }

  void receive();
  void end_reading(int error);
  size_t try_write(std::span<const std::string_view> pieces);
  void keep(std::span<const std::string_view> pieces, size_t taken);
  void write_kept();
  void on_written(int status);
  void break_off(int status);
  void tell_later();

  Loop& loop_;
  Handle<Stream> stream_;
  int descriptor_;
  int read_error_ = 0;   // negated errno, to be reported in a later turn
  int write_error_ = 0;  // negated errno: nothing can be written any more
  bool is_shut_down_ = false;
  Reader* reader_ = nullptr;
  Pending<Result<void>> writable_;
  Later later_;
  Address peer_;
};

}  // namespace sluice::net
