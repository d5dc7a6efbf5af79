// The kernel's table of TCP sockets that listen, in any process.
#pragma once

#include <sluice/base/address.h>

#include <cstdint>
#include <vector>

namespace sluice::net {

struct Listed {
  Address address;
  uint64_t id = 0;  ///< the socket's number
};

/// Those of one family in this network namespace; none when the system has no /proc.
std::vector<Listed> listening_sockets(Address::Family family);

}  // namespace sluice::net
