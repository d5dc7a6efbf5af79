// Certificates and keys that tests make for themselves, and a server that shows them.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "tls/library.h"

#include <doctest/doctest.h>

namespace sluice::tls::test {

using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

struct Identity {
  KeyPtr key;
  CertificatePtr certificate;

  std::string pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    return text_of(*bio);
  }
  std::string key_pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(*bio);
  }

 private:
  static std::string text_of(BIO& bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(&bio, &data);
    return {data, static_cast<size_t>(size)};
  }
};

struct Wish {
  std::string names = "DNS:shop.example";  ///< subjectAltName
  long valid_from = -3600;                 ///< seconds from now
  long valid_to = 3600;
  bool is_authority = false;
  std::string name = "Test";  ///< its subject; a number follows unless it is said
};

inline void extend(X509& certificate, int kind, const std::string& value) {
  using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
  const Extension extension(X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  REQUIRE(extension != nullptr);
  REQUIRE(X509_add_ext(&certificate, extension.get(), -1) == 1);
}

inline void name(X509_NAME& subject, const char* text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text);
  REQUIRE(X509_NAME_add_entry_by_txt(&subject, "CN", MBSTRING_ASC, bytes, -1, -1, 0) == 1);
}

/// Signed by `issuer`, or by itself.
inline Identity make_identity(const Wish& wish, const Identity* issuer = nullptr) {
  static long serial = 1;
  Identity made{.key = KeyPtr(EVP_EC_gen("P-256")), .certificate = CertificatePtr(X509_new())};
  X509& certificate = *made.certificate;
  X509_set_version(&certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(&certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(&certificate), wish.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(&certificate), wish.valid_to);
  const std::string subject = wish.name == "Test" ? "Test " + std::to_string(serial) : wish.name;
  name(*X509_get_subject_name(&certificate), subject.c_str());
  const X509& by = issuer == nullptr ? certificate : *issuer->certificate;
  X509_set_issuer_name(&certificate, X509_get_subject_name(&by));
  X509_set_pubkey(&certificate, made.key.get());
  if (wish.is_authority) extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.names.empty()) extend(certificate, NID_subject_alt_name, wish.names);
  EVP_PKEY* key = issuer == nullptr ? made.key.get() : issuer->key.get();
  REQUIRE(X509_sign(&certificate, key, EVP_sha256()) > 0);
  return made;
}

inline const Identity& authority() {
  static const Identity made = make_identity({.names = "", .is_authority = true});
  return made;
}

inline SslContextPtr server_context(const Identity& identity) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  REQUIRE(SSL_CTX_use_certificate(context.get(), identity.certificate.get()) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(context.get(), identity.key.get()) == 1);
  return context;
}

inline SslPtr server_of(SSL_CTX& context) {
  SslPtr ssl(SSL_new(&context));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace sluice::tls::test
