// What SRV records say (RFC 2782), in Sluice's terms. Pure.
#pragma once

#include <sluice/config/names.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::resolve {

/// One record, with the addresses of its target.
struct SrvRecord {
  uint16_t priority = 0;
  uint16_t weight = 0;
  uint16_t port = 0;
  std::string target{};
  std::vector<Address> addresses{};  ///< whatever their ports
};

/// A place for each address. Priorities become 0 to 9 in their order; what comes after the ninth is 9. A
/// target's weight is shared by its addresses, and weights are made to fit 1 to 1000: one of 0 gets as little
/// as can be.
std::vector<config::ResolvedAddress> places_of(std::span<const SrvRecord> records);

/// The shortest lifetime, in seconds, of the answers in a DNS message; 0 when there is none.
uint32_t shortest_lifetime(std::string_view message);

}  // namespace sluice::resolve
