// Which peers are believed about the client behind them. Pure.
#pragma once

#include <sluice/config/config.h>

namespace sluice::proxy {

inline bool is_trusted(const config::Forwarding& forwarding, const Address& address) {
  if (address.is_local()) return forwarding.trust_unix;
  for (const Network& network : forwarding.trusted_proxies) {
    if (network.contains(address)) return true;
  }
  return false;
}

}  // namespace sluice::proxy
