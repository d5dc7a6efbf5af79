// A client's connection on its way into TLS.
#include <sluice/base/address.h>
#include <sluice/base/check.h>
#include <sluice/tls/client.h>

#include <openssl/x509v3.h>

#include <utility>

#include "tls/client_context.h"
#include "tls/tls_transport.h"

namespace sluice::tls {
namespace {

/// Sets the name or address that the certificate has to be for, and the host name to ask for.
void expect(SSL& ssl, const std::string& name) {
  if (name.empty()) return;
  X509_VERIFY_PARAM* verified = SSL_get0_param(&ssl);
  X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(verified, name.c_str()) == 1) return;
  CHECK(X509_VERIFY_PARAM_set1_host(verified, name.data(), name.size()) == 1);
  SSL_set_tlsext_host_name(&ssl, name.c_str());
}

/// Owns itself until the handshake is over, or the Wait is dropped.
class Securing {
 public:
  Securing(net::Network& network, std::unique_ptr<net::Transport> plain, SslPtr ssl,
           std::shared_ptr<const ClientContext> context, const Peer& server)
      : transport_(std::make_unique<TlsTransport>(network, std::move(plain), std::move(ssl),
                                                  std::move(context), server)),
        pending_([this] { self_.reset(); }) {}
  /// Nothing within was lost when it ends here, and an orderly close would leave TIME_WAIT behind.
  ~Securing() {
    if (transport_) transport_->reset_on_close();
  }
  Securing(const Securing&) = delete;
  Securing& operator=(const Securing&) = delete;

  static Wait start(std::unique_ptr<Securing> self, OnSecured on_secured) {
    Securing& securing = *self;
    securing.self_ = std::move(self);
    securing.transport_->handshake([&securing](Result<void> how) { securing.finish(std::move(how)); });
    return securing.pending_.wait(std::move(on_secured));
  }

 private:
  void finish(Result<void> how) {
    const auto self = std::move(self_);  // Lives to the end of this call.
    if (!how) return pending_.fire(std::move(how).error());
    pending_.fire(std::unique_ptr<net::Transport>(std::move(transport_)));
  }

  std::unique_ptr<Securing> self_{};  // First: pending_ is made with what resets it.
  std::unique_ptr<TlsTransport> transport_;
  Pending<Result<std::unique_ptr<net::Transport>>> pending_;
};

}  // namespace

Wait secure(net::Network& network, std::shared_ptr<const ClientContext> context,
            std::unique_ptr<net::Transport> plain, const Peer& server, OnSecured on_secured) {
  SslPtr ssl = TlsTransport::client_of(*context);
  expect(*ssl, server.name);
  return Securing::start(
      std::make_unique<Securing>(network, std::move(plain), std::move(ssl), std::move(context), server),
      std::move(on_secured));
}

}  // namespace sluice::tls
