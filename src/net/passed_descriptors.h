// Descriptors in a message's ancillary data (SCM_RIGHTS).
#pragma once

#include <sluice/net/message_channel.h>

#include <sys/socket.h>

#include <array>
#include <deque>
#include <vector>

namespace sluice::net {

struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptorsInMessage * sizeof(int))> bytes{};
};

/// For sendmsg(); kMostDescriptorsInMessage at most.
void attach_descriptors(msghdr& header, ControlBuffer& control, const std::vector<int>& descriptors);
/// After recvmsg().
void take_descriptors(msghdr& header, std::deque<Descriptor>& descriptors);

}  // namespace sluice::net
