#include <sluice/net/peer.h>

#include <sys/socket.h>

#include <cerrno>

#include "net/errors.h"

namespace sluice::net {

Result<Peer> peer_of(int descriptor) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  // The kernel answers for other sockets, too, but with no process.
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return error_of("cannot tell who is at the other end", -errno);
  }
  if (credentials.pid == 0) return Error{.message = "cannot tell who is at the other end"};
  return Peer{.process = credentials.pid, .user = credentials.uid};
}

}  // namespace sluice::net
