// HAProxy's PROXY protocol, versions 1 and 2: how a proxy in front names the client. Pure. Written to
// https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/result.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::http {

/// Neither is there when the proxy speaks for itself (LOCAL, UNKNOWN) or for what is no IP address.
struct ProxyHeader {
  std::optional<Address> source{};
  std::optional<Address> destination{};

  bool operator==(const ProxyHeader&) const = default;
};

struct ProxyHeaderRead {
  ProxyHeader header{};
  size_t length_bytes = 0;  ///< of the header; what follows is the client's

  bool operator==(const ProxyHeaderRead&) const = default;
};

/// Reads a header at the start of `bytes`, of either version. Nothing: more is needed. An Error (malformed)
/// as soon as it can become none. A version 2 header of more than 4 KiB is refused.
Result<std::optional<ProxyHeaderRead>> read_proxy_header(std::string_view bytes);

/// The header that tells a backend about a connection. UNKNOWN or LOCAL when one is no IP address; an IPv4
/// address beside an IPv6 one is mapped (::ffff:a.b.c.d).
std::string proxy_header_v1(const Address& source, const Address& destination);
std::string proxy_header_v2(const Address& source, const Address& destination);

}  // namespace sluice::http
