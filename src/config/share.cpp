#include <sluice/config/share.h>

namespace sluice::config {

void share_unchanged(Config& next, const Config& current) {
  for (auto& [name, pool] : next.pools) {
    const auto known = current.pools.find(name);
    if (known != current.pools.end() && *known->second == *pool) pool = known->second;
  }
}

}  // namespace sluice::config
