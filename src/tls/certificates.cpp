#include "tls/certificates.h"

#include <sluice/base/text.h>
#include <sluice/tls/client.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <string>
#include <utility>

namespace sluice::tls {
namespace {

/// Rather than ask for one on the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

/// Nothing more that begins like a certificate.
bool is_at_end() {
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

}  // namespace

Result<std::vector<CertificatePtr>> read_certificates(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<CertificatePtr> certificates;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool is_whole = is_at_end();
  if (!is_whole) {
    return library_error(
        concat({"certificate ", std::to_string(certificates.size() + 1), " in it is damaged"}));
  }
  ERR_clear_error();
  if (certificates.empty()) {
    return Error{.code = ErrorCode::invalid_config, .message = "there is no certificate in PEM in it"};
  }
  return certificates;
}

Result<void> check_certificates(std::string_view pem) {
  auto certificates = read_certificates(pem);
  if (!certificates) return std::move(certificates).error();
  return {};
}

}  // namespace sluice::tls
