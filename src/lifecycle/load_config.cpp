#include <sluice/lifecycle/load_config.h>
#include <sluice/tls/client.h>

namespace sluice::lifecycle {

std::variant<config::Config, config::Problems> load_config(const std::string& path) {
  return config::load(path, {.certificates = &tls::check_certificates});
}

}  // namespace sluice::lifecycle
