// OpenSSL's objects, owned; and its errors as text.
#pragma once

#include <sluice/base/error.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

namespace sluice::tls {

template <auto kFree>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;

/// Why a handshake has failed, right after it has. `name` is what the certificate had to be for.
Error handshake_error(const SSL& ssl, std::string_view name);
/// What OpenSSL says of the last thing that failed.
Error library_error(std::string_view what);

}  // namespace sluice::tls
