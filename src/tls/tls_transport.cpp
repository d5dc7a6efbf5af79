#include "tls/tls_transport.h"

#include <sluice/base/check.h>

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tls/client_context.h"

namespace sluice::tls {
namespace {

constexpr size_t kRecord = size_t{16} * 1024;  // the most that a record carries (RFC 8446 5.1)
constexpr size_t kAtOnce = 4 * kRecord;        // records that leave in one write

Error broken_off() {
  return {.code = ErrorCode::closed, .message = "the connection ended without the end that TLS has for it"};
}

}  // namespace

TlsTransport::TlsTransport(net::Network& network, std::unique_ptr<net::Transport> plain, SslPtr ssl,
                           std::shared_ptr<const void> context, Peer peer)
    : network_(network),
      plain_(std::move(plain)),
      context_(std::move(context)),
      server_(std::move(peer)),
      ssl_(std::move(ssl)),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())),
      later_(this, [](void* self) { static_cast<TlsTransport*>(self)->tell_later(); }) {
  CHECK(in_ != nullptr && out_ != nullptr);
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_app_data(ssl_.get(), this);
}

/// Sessions of connections that were not shut down in order would count as broken, and be given up.
TlsTransport::~TlsTransport() {
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

SslPtr TlsTransport::client_of(const ClientContext& context) {
  SslPtr ssl(SSL_new(context.impl_->context.get()));
  CHECK(ssl != nullptr);  // Out of memory.
  SSL_set_connect_state(ssl.get());
  return ssl;
}

// ---- the handshake

void TlsTransport::handshake(std::function<void(Result<void>)> on_done) {
  on_done_ = std::move(on_done);
  take_up_session();
  network_.executor().run_later(later_);
}

void TlsTransport::take_up_session() {
  if (!server_.session || !server_.session->has_ticket()) return;
  Session::Impl& session = *server_.session->impl_;
  if (network_.executor().clock().now() - session.verified >= Session::kLongest) return session.kept.reset();
  SSL_set_session(ssl_.get(), session.kept.get());
}

int TlsTransport::on_new_session(SSL* ssl, SSL_SESSION* session) {
  const auto* self = static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  if (self == nullptr || !self->server_.session) return 0;
  Session::Impl& kept = *self->server_.session->impl_;
  if (!self->resumed()) kept.verified = self->network_.executor().clock().now();
  kept.kept.reset(session);
  return 1;  // It is ours now.
}

void TlsTransport::go_on() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  const bool wants_more = done != 1 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_READ;
  std::optional<Error> error;
  if (done != 1 && !wants_more) error = handshake_error(*ssl_, server_.name);
  flush();  // Also the alert that says what was wrong.
  if (error) return finish_handshake(*std::move(error));
  if (done == 1) finish_handshake({});
}

void TlsTransport::finish_handshake(Result<void> how) {
  if (!how) end_ = how;
  std::exchange(on_done_, nullptr)(std::move(how));
}

// ---- reading

void TlsTransport::start_reading(net::Reader& reader) {
  reader_ = &reader;
  if (has_something()) return network_.executor().run_later(later_);
  read_plain();
}

void TlsTransport::stop_reading() {
  reader_ = nullptr;
  leave_plain();
}

void TlsTransport::read_plain() {
  if (is_plain_read_ || plain_end_) return;
  is_plain_read_ = true;
  plain_->start_reading(*this);
}

void TlsTransport::leave_plain() {
  if (std::exchange(is_plain_read_, false)) plain_->stop_reading();
}

void TlsTransport::on_bytes(std::string_view bytes) {
  CHECK(BIO_write(in_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()));
  if (on_done_) return go_on();
  if (reader_ == nullptr) return leave_plain();  // Without a reader no more than these are kept.
  deliver();
}

void TlsTransport::on_end(Result<void> how) {
  is_plain_read_ = false;
  plain_end_ = how;
  if (on_done_) {
    if (how) how = Error{.code = ErrorCode::closed, .message = "closed during the TLS handshake"};
    return finish_handshake(std::move(how));
  }
  if (reader_ != nullptr) deliver();
}

/// Delivers all that can be read, as long as there is a reader.
void TlsTransport::deliver() {
  const Alive::Watch watch(alive_);
  while (reader_ != nullptr && !end_) {
    const auto scratch = network_.scratch();  // What has come is in `in_` by now.
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), scratch.data(), static_cast<int>(scratch.size()));
    if (count > 0) {
      reader_->on_bytes({scratch.data(), static_cast<size_t>(count)});
      if (!watch) return;
      continue;
    }
    const int why = SSL_get_error(ssl_.get(), count);
    if (why == SSL_ERROR_ZERO_RETURN) {
      end_ = Result<void>();
    } else if (why != SSL_ERROR_WANT_READ) {
      Error error = library_error("broken TLS");
      error.code = ErrorCode::malformed;
      end_ = std::move(error);
    } else if (plain_end_) {
      end_ = *plain_end_ ? Result<void>(broken_off()) : *plain_end_;
    } else {
      flush();  // What reading has to say: an update of keys, an alert.
      return read_plain();
    }
  }
  if (reader_ != nullptr) end(*end_);
}

void TlsTransport::end(Result<void> how) {
  leave_plain();
  flush();
  std::exchange(reader_, nullptr)->on_end(std::move(how));
}

// ---- writing

net::Flow TlsTransport::write(std::span<const std::string_view> pieces) {
  CHECK(!is_shut_down_ && !on_done_);
  std::array<char, kRecord> together;  // Short pieces share a record.
  size_t used = 0;
  bool is_well = !end_ || *end_;
  const auto send_together = [&] {
    if (used > 0) is_well = is_well && encrypt({together.data(), std::exchange(used, 0)});
  };
  for (auto piece : pieces) {
    while (!piece.empty() && is_well) {
      if (used == 0 && piece.size() >= kRecord) {
        is_well = encrypt(piece.substr(0, kRecord));
        piece.remove_prefix(kRecord);
        continue;
      }
      const size_t count = std::min(piece.size(), kRecord - used);
      std::memcpy(together.data() + used, piece.data(), count);
      used += count;
      piece.remove_prefix(count);
      if (used == kRecord) send_together();
    }
  }
  send_together();
  const net::Flow flow = flush();
  return is_well ? flow : net::Flow::blocked;
}

/// One record more; false once nothing can be sent any more.
bool TlsTransport::encrypt(std::string_view bytes) {
  ERR_clear_error();
  if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
    if (!end_ || *end_) end_ = library_error("broken TLS");
    return false;
  }
  if (static_cast<size_t>(BIO_pending(out_)) >= kAtOnce) flush();
  return true;
}

net::Flow TlsTransport::flush() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  if (size <= 0 || is_shut_down_) return plain_->pending_bytes() == 0 ? net::Flow::open : net::Flow::blocked;
  const std::string_view bytes(data, static_cast<size_t>(size));
  const net::Flow flow = plain_->write({&bytes, 1});
  static_cast<void>(BIO_reset(out_));
  return flow;
}

Wait TlsTransport::when_writable(std::function<void(Result<void>)> callback) {
  if (!end_ || *end_) return plain_->when_writable(std::move(callback));
  network_.executor().run_later(later_);
  return writable_.wait(std::move(callback));
}

void TlsTransport::shutdown() {
  if (is_shut_down_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  flush();
  is_shut_down_ = true;
  plain_->shutdown();
}

Result<net::Descriptor> TlsTransport::duplicate() const {
  return Error{.code = ErrorCode::unsupported, .message = "a connection within TLS cannot be left"};
}

// ---- what is reported in a later turn

/// One thing at a time, since each may destroy us.
void TlsTransport::tell_later() {
  if (on_done_) {
    read_plain();
    return go_on();
  }
  const bool is_broken = end_ && !*end_ && writable_.is_waited_for();
  if (reader_ != nullptr) {
    if (is_broken) network_.executor().run_later(later_);
    return deliver();
  }
  if (is_broken) writable_.fire(*end_);
}

}  // namespace sluice::tls
