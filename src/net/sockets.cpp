#include "net/sockets.h"

#include <sluice/base/check.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace sluice::net {

SocketAddress to_socket_address(const Address& address) {
  SocketAddress result;
  const auto bytes = address.ip_bytes();
  switch (address.family()) {
    case Address::Family::ipv4: {
      auto& in = reinterpret_cast<sockaddr_in&>(result.storage);
      in.sin_family = AF_INET;
      in.sin_port = htons(address.port());
      std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
      result.size = sizeof in;
      break;
    }
    case Address::Family::ipv6: {
      auto& in = reinterpret_cast<sockaddr_in6&>(result.storage);
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(address.port());
      std::memcpy(&in.sin6_addr, bytes.data(), bytes.size());
      result.size = sizeof in;
      break;
    }
    case Address::Family::local: {
      auto& un = reinterpret_cast<sockaddr_un&>(result.storage);
      un.sun_family = AF_UNIX;
      CHECK(address.path().size() < sizeof un.sun_path);
      std::memcpy(un.sun_path, address.path().c_str(), address.path().size() + 1);
      result.size = sizeof un;
      break;
    }
  }
  return result;
}

Address from_socket_address(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address.storage);
    return Address::ip({reinterpret_cast<const char*>(&in.sin_addr), 4}, ntohs(in.sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return Address::ip({reinterpret_cast<const char*>(&in.sin6_addr), 16}, ntohs(in.sin6_port));
  }
  const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
  const size_t most =
      address.size > offsetof(sockaddr_un, sun_path) ? address.size - offsetof(sockaddr_un, sun_path) : 0;
  return Address::local(std::string(un.sun_path, strnlen(un.sun_path, most)));
}

}  // namespace sluice::net
