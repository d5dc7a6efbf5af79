// Certificates as text.
#pragma once

#include <sluice/base/result.h>

#include <string_view>
#include <vector>

#include "tls/library.h"

namespace sluice::tls {

/// All in a text of PEM blocks, at least one. The error is the reason alone.
Result<std::vector<CertificatePtr>> read_certificates(std::string_view pem);

}  // namespace sluice::tls
