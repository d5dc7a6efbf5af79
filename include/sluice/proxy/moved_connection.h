// A client's connection on its way from one process to the next: the descriptor, and what the next one has to
// know of it.
#pragma once

#include <sluice/net/descriptor.h>
#include <sluice/wire/http1_server.h>

#include <string>

namespace sluice::proxy {

/// All but the descriptors: a value that can be written down.
struct ConnectionRecord {
  std::string listener{};  ///< its identity: the address in the configuration
  wire::BetweenRequests at{};
  bool operator==(const ConnectionRecord&) const = default;
};

/// No request is being answered on it.
struct MovedConnection {
  ConnectionRecord record{};
  net::Descriptor client{};
};

}  // namespace sluice::proxy
