#include "reserved_port.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>

namespace sluice::e2e {

int reserve_port() {
  // Bound, but not listening: the port is in use, and with SO_REUSEADDR on both sides it does not prevent
  // others from listening. Left open on purpose.
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no port is free");
  }
  return ntohs(address.sin_port);
}

}  // namespace sluice::e2e
