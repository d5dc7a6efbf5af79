#include <sluice/control/load_config.h>
#include <sluice/tls/client.h>

namespace sluice::control {

std::variant<config::Config, config::Problems> load_config(const std::string& path, config::FileKind kind) {
  return config::load(path, {.certificates = &tls::check_certificates}, kind);
}

}  // namespace sluice::control
