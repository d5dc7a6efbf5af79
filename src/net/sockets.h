// Addresses in the kernel's form.
#pragma once

#include <sluice/base/address.h>

#include <sys/socket.h>

namespace sluice::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const Address& address);
Address from_socket_address(const SocketAddress& address);

}  // namespace sluice::net
