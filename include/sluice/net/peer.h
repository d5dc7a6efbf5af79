// The process at the other end of a Unix socket.
#pragma once

#include <sluice/base/result.h>

#include <sys/types.h>

namespace sluice::net {

/// As the kernel knows it, since the connection was made.
struct Peer {
  pid_t process = 0;
  uid_t user = 0;
};

/// An error when `descriptor` is no Unix socket.
Result<Peer> peer_of(int descriptor);

}  // namespace sluice::net
