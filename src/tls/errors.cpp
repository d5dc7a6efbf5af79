// What OpenSSL's codes mean, in words for the operator that has to fix it.
#include <sluice/base/text.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <string>

#include "tls/library.h"

namespace sluice::tls {
namespace {

Error error(ErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message)};
}

std::string certificate_problem(long code, std::string_view name) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return concat({"the certificate is for another name than ", name});
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is its own authority, and not a known one";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate is of an unknown authority";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the certificate is not signed by the authority that it names";
    default:
      return concat({"the certificate is refused: ", X509_verify_cert_error_string(code)});
  }
}

/// The first bytes were no record of TLS.
bool is_no_tls(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
         reason == SSL_R_BAD_RECORD_TYPE;
}

std::string reason_words(unsigned long code) {
  const char* words = ERR_reason_error_string(code);
  return words == nullptr ? "error " + std::to_string(code) : words;
}

}  // namespace

Error handshake_error(const SSL& ssl, std::string_view name) {
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  ERR_clear_error();
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return error(ErrorCode::denied, certificate_problem(SSL_get_verify_result(&ssl), name));
  }
  if (is_no_tls(reason)) return error(ErrorCode::malformed, "no TLS is spoken there");
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION) {
    return error(ErrorCode::unsupported, "no common version of TLS, of which 1.2 is the least");
  }
  return error(ErrorCode::malformed, concat({"the TLS handshake has failed: ", reason_words(code)}));
}

Error library_error(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  return error(ErrorCode::failed, concat({what, ": ", reason_words(code)}));
}

}  // namespace sluice::tls
