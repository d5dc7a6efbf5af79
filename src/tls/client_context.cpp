#include "tls/client_context.h"

#include <openssl/err.h>

#include <utility>

#include "tls/certificates.h"
#include "tls/tls_transport.h"

namespace sluice::tls {
namespace {

Result<void> trust(SSL_CTX& context, const std::string& authorities) {
  if (authorities.empty()) {
    if (SSL_CTX_set_default_verify_paths(&context) == 1) return {};
    return library_error("cannot take the system's authorities");
  }
  auto certificates = read_certificates(authorities);
  if (!certificates) return std::move(certificates).error();
  X509_STORE* store = SSL_CTX_get_cert_store(&context);
  // Whatever is named is trusted: also an authority between, or the server's own certificate.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  for (const auto& certificate : *certificates) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1) return library_error("cannot take an authority");
  }
  return {};
}

}  // namespace

Session::Session() : impl_(std::make_unique<Impl>()) {}
Session::~Session() = default;

bool Session::has_ticket() const {
  return impl_->kept != nullptr;
}

ClientContext::ClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientContext::~ClientContext() = default;

Result<std::shared_ptr<const ClientContext>> ClientContext::make(const Settings& settings) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return library_error("cannot make a TLS context");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);  // An idle connection holds none.
  SSL_CTX_set_verify(context.get(), settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  // Sessions are kept in Peer::session, and not in OpenSSL's cache.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), &TlsTransport::on_new_session);
  if (settings.verify) {
    if (auto trusted = trust(*context, settings.authorities); !trusted) return std::move(trusted).error();
  }
  auto impl = std::make_unique<Impl>(Impl{.context = std::move(context)});
  return std::shared_ptr<const ClientContext>(new ClientContext(std::move(impl)));
}

}  // namespace sluice::tls
