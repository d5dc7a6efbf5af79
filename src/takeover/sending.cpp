#include "takeover/sending.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "takeover/takeover_messages.h"

namespace sluice::takeover {
namespace {

bool add_copies(const proxy::MigratedConnection& connection, std::vector<net::Descriptor>& descriptors) {
  auto client = net::Descriptor::duplicate_of(connection.client.get());
  if (!client) return false;
  if (connection.record.tunnel) {
    auto backend = net::Descriptor::duplicate_of(connection.backend.get());
    if (!backend) return false;
    descriptors.push_back(*std::move(client));
    descriptors.push_back(*std::move(backend));
  } else {
    descriptors.push_back(*std::move(client));
  }
  return true;
}

}  // namespace

Result<void> send_handoff_state(net::MessageChannel& channel, uint64_t version,
                                control::HandoffState handoff) {
  auto& sockets = handoff.sockets;
  for (size_t begin = 0; begin < sockets.size(); begin += net::kMostDescriptorsInMessage) {
    SocketsMessage message;
    std::vector<net::Descriptor> descriptors;
    const size_t end = std::min(sockets.size(), begin + net::kMostDescriptorsInMessage);
    for (size_t i = begin; i < end; ++i) {
      message.sockets.push_back(std::move(sockets[i].what));
      descriptors.push_back(std::move(sockets[i].descriptor));
    }
    auto text = takeover_text(message);
    if (!text) return std::move(text).error();
    channel.send(*text, std::move(descriptors));
  }
  auto text = takeover_text(StateMessage{.version = version, .state = std::move(handoff.state)});
  if (!text) return std::move(text).error();
  channel.send(*text);
  return {};
}

size_t send_connections(net::MessageChannel& channel, std::span<const proxy::MigratedConnection> given) {
  ConnectionsMessage message;
  std::vector<net::Descriptor> descriptors;
  for (const auto& connection : given) {
    if (!add_copies(connection, descriptors)) break;
    message.connections.push_back(connection.record);
  }
  const auto text = takeover_text(message);
  if (descriptors.empty() || !text || channel.is_broken()) return 0;
  channel.send(*text, std::move(descriptors));
  return message.connections.size();
}

}  // namespace sluice::takeover
