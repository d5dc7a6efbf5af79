// The Proxy-Status field (RFC 9209): what Sluice says of itself beside an answer. Pure.
#pragma once

#include <sluice/base/address.h>
#include <sluice/config/proxy_status.h>
#include <sluice/observe/cause.h>

#include <string>
#include <string_view>

namespace sluice::proxy {

struct StatusFacts {
  observe::Cause cause = observe::Cause::ok;  ///< its error, when it has one
  std::string_view details{};                 ///< for people; the cause's own when empty
  const Address* next_hop = nullptr;  ///< the backend that was asked; shown only where the settings allow it
  int received_status = 0;            ///< of its response; 0: none came
};

inline constexpr std::string_view kProxyStatus = "Proxy-Status";

/// The field's value. Whatever the facts are, it is one member of a well-formed list (RFC 8941).
std::string proxy_status(const config::ProxyStatus& settings, const StatusFacts& facts);

}  // namespace sluice::proxy
