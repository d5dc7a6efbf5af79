// [proxy_status]: what answers say in Proxy-Status (RFC 9209).
#pragma once

#include <string>

namespace sluice::config {

struct ProxyStatus {
  std::string name = "sluice";  ///< of this proxy; visible ASCII, with spaces within
  bool next_hop = false;        ///< shows clients the addresses of backends
  bool forwarded = false;       ///< also responses of backends have it, when there is something to say
  bool operator==(const ProxyStatus&) const = default;
};

}  // namespace sluice::config
