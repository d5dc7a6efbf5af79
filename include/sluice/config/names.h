// Backends that are given by name: how a name is spelled, which servers to ask for its addresses, and what
// it leads to.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/clock.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

/// "app.internal:8080", or "srv:_http._tcp.app.internal".
struct HostName {
  std::string host{};  ///< lower case; with a final dot it is whole, whatever the system's search domains
  uint16_t port = 0;   ///< 0: SRV records give it (RFC 2782)

  bool is_srv() const { return port == 0; }
  /// As the file spells it, in lower case.
  std::string text() const;
  bool operator==(const HostName&) const = default;
};

/// Nothing when it is spelled otherwise, as an address is.
std::optional<HostName> parse_host_name(std::string_view text);

/// Which name servers to ask, and how.
struct Resolver {
  enum class Family { any, ipv4, ipv6 };
  std::vector<Address> servers{};  ///< none: those of the system
  Duration timeout{2000};          ///< of one question to one server
  unsigned attempts = 2;           ///< at each server
  Family family = Family::any;     ///< which addresses are wanted
  bool operator==(const Resolver&) const = default;
};

/// One address that a name leads to.
struct ResolvedAddress {
  Address address{};
  uint32_t weight = 0;   ///< 1 to 1000, as SRV records say; 0: they say nothing
  uint8_t priority = 0;  ///< likewise, 0 to 9
  bool operator==(const ResolvedAddress&) const = default;
};

/// What is known of names, by their text.
using ResolvedNames = std::map<std::string, std::vector<ResolvedAddress>, std::less<>>;

}  // namespace sluice::config
