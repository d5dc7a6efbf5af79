// A transport within TLS over another transport; blind to the side that it is on.
#pragma once

#include <sluice/base/alive.h>
#include <sluice/base/later.h>
#include <sluice/net/network.h>
#include <sluice/net/transport.h>
#include <sluice/tls/client.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tls/library.h"

namespace sluice::tls {

/// Records are read and written in memory; what moves them is the transport below, whose back-pressure holds
/// in both directions: it keeps what is written, and is read from only for a reader here or the handshake.
class TlsTransport final : public net::Transport, private net::Reader {
 public:
  /// `ssl` has its side and the name to verify set; `context` is what it borrows from.
  TlsTransport(net::Network& network, std::unique_ptr<net::Transport> plain, SslPtr ssl,
               std::shared_ptr<const void> context, Peer peer);
  ~TlsTransport() override;

  /// For a new connection.
  static SslPtr client_of(const ClientContext& context);

  /// Before all else. The callback runs once, in a later turn, and may destroy this.
  void handshake(std::function<void(Result<void>)> on_done);
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

  void start_reading(net::Reader& reader) override;
  void stop_reading() override;
  net::Flow write(std::span<const std::string_view> pieces) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;
  size_t pending_bytes() const override { return plain_->pending_bytes(); }
  /// Records, as they leave.
  std::string kept() const override { return plain_->kept(); }
  /// Says close_notify first (RFC 8446 6.1).
  void shutdown() override;
  void reset_on_close() override { plain_->reset_on_close(); }
  bool is_stale() const override { return plain_->is_stale(); }
  bool has_hung_up() const override { return plain_->has_hung_up(); }
  bool has_broken() const override { return plain_->has_broken(); }
  size_t unacknowledged() const override { return plain_->unacknowledged(); }
  const Address& peer() const override { return plain_->peer(); }
  Result<net::Peer> peer_process() const override { return plain_->peer_process(); }
  /// An error: what TLS knows of the connection does not go with the descriptor.
  Result<net::Descriptor> duplicate() const override;

  /// Of the context: a session that may be taken up another time.
  static int on_new_session(SSL* ssl, SSL_SESSION* session);

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end(Result<void> how) override;

  void take_up_session();
  void go_on();
  void finish_handshake(Result<void> how);
  void deliver();
  void end(Result<void> how);
  void read_plain();
  void leave_plain();
  net::Flow flush();
  bool encrypt(std::string_view bytes);
  void tell_later();
  bool has_something() const {
    return end_ || plain_end_ || BIO_pending(in_) > 0 || SSL_has_pending(ssl_.get()) == 1;
  }

  net::Network& network_;
  std::unique_ptr<net::Transport> plain_;
  std::shared_ptr<const void> context_;
  Peer server_;
  SslPtr ssl_;
  BIO* in_;                                    // records that have come; of ssl_
  BIO* out_;                                   // records to be sent; of ssl_
  std::function<void(Result<void>)> on_done_;  // during the handshake
  net::Reader* reader_ = nullptr;
  bool is_plain_read_ = false;
  bool is_shut_down_ = false;
  std::optional<Result<void>> plain_end_;  // how it ended below
  std::optional<Result<void>> end_;        // how it ended, for every reader
  Pending<Result<void>> writable_;         // waited for after an error of TLS only
  Later later_;
  Alive alive_;
};

}  // namespace sluice::tls
