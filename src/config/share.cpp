#include <sluice/config/share.h>

namespace sluice::config {

void share_unchanged(Config& next, const Config& current) {
  for (auto& [name, pool] : next.pools) {
    const auto known = current.pools.find(name);
    if (known != current.pools.end() && *known->second == *pool) pool = known->second;
  }
  for (auto& [status, page] : next.errors) {
    const auto known = current.errors.find(status);
    if (known != current.errors.end() && *known->second == *page) page = known->second;
  }
}

}  // namespace sluice::config
