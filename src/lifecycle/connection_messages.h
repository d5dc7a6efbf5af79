// The part of a takeover's conversation that is about client connections: the old process gives some, with
// their descriptors, and the new one says which it has taken. Pure.
#pragma once

#include <sluice/proxy/moved_connection.h>

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace sluice::lifecycle {

using Json = nlohmann::ordered_json;
class Members;

/// Connections in the order of the message's descriptors: each client's, and behind it a tunnel's backend's.
struct ConnectionsMessage {
  std::vector<proxy::ConnectionRecord> connections{};
  bool operator==(const ConnectionsMessage&) const = default;
};

/// The answer to each ConnectionsMessage, before a byte is read from any of them: from here on they are the
/// new process's, but for those at these places, which the old one keeps.
struct TakenMessage {
  std::vector<size_t> refused{};
  size_t room = 0;  ///< how many more descriptors may come; 0: none any more
  bool operator==(const TakenMessage&) const = default;
};

/// Appends what clients have sent to `bytes`, which is to follow the JSON.
Json connections_json(const ConnectionsMessage& message, std::string& bytes);
ConnectionsMessage read_connections(Members& members);
Json taken_json(const TakenMessage& message);
TakenMessage read_taken(Members& members);

}  // namespace sluice::lifecycle
