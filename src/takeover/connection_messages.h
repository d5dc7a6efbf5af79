// The part of a takeover's conversation that is about client connections: the old process gives some, with
// their descriptors, and the new one says which it has taken. Pure.
#pragma once

#include <sluice/json/value.h>
#include <sluice/proxy/migrated_connection.h>

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::takeover {

using Json = json::Value;
class Members;

/// Connections in the order of the message's descriptors: each client's, and behind it a tunnel's backend's.
struct ConnectionsMessage {
  std::vector<proxy::ConnectionState> connections{};
  bool operator==(const ConnectionsMessage&) const = default;
};

/// The answer to each ConnectionsMessage, before a byte is read from any of them: from here on they are the
/// new process's, but for those at these places, which the old one keeps.
struct AcknowledgeMessage {
  std::vector<size_t> refused{};
  size_t room = 0;  ///< how many more descriptors may come; 0: none any more
  bool operator==(const AcknowledgeMessage&) const = default;
};

/// Appends what clients have sent to `bytes`, which is to follow the JSON.
Json connections_json(const ConnectionsMessage& message, std::string& bytes);
ConnectionsMessage read_connections(Members& members);
Json acknowledge_json(const AcknowledgeMessage& message);
AcknowledgeMessage read_acknowledge(Members& members);

}  // namespace sluice::takeover
