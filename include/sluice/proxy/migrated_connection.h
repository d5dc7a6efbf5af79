// A client's connection on its way from one process to the next: the descriptors, and what the next one has
// to know of it.
#pragma once

#include <sluice/base/address.h>
#include <sluice/net/descriptor.h>
#include <sluice/wire/server_connection.h>

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::proxy {

/// What is on a connection that has become a tunnel.
struct TunnelState {
  std::string head{};  ///< of its request, as it came
  std::string pool{};
  Address backend{};
  std::string request_id{};
  uint64_t sent = 0;      ///< to the client so far, in bytes
  uint64_t received = 0;  ///< from it
  uint64_t age_ms = 0;    ///< since its request
  unsigned attempts = 0;
  std::string up{};    ///< on its way to the backend
  std::string down{};  ///< on its way to the client
  bool operator==(const TunnelState&) const = default;
};

/// A tunnel as one owner leaves it.
struct SuspendedTunnel {
  TunnelState state{};
  net::Descriptor client{};
  net::Descriptor backend{};
};

/// All but the descriptors: a value that can be written down.
struct ConnectionState {
  std::string listener{};  ///< its identity: the address in the configuration
  wire::BetweenRequests at{};
  std::optional<TunnelState> tunnel{};
  bool operator==(const ConnectionState&) const = default;
};

/// No request is being answered on it, unless that request has made a tunnel of it. The kernel knows which
/// directions of a tunnel have ended: the next owner sees them end.
struct MigratedConnection {
  ConnectionState record{};
  net::Descriptor client{};
  net::Descriptor backend{};  ///< a tunnel's
  size_t descriptors() const { return record.tunnel ? 2 : 1; }
};

}  // namespace sluice::proxy
