// The conversation of two processes of one host: messages, with descriptors in hand.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/peer.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

/// As many as the kernel passes with one message.
inline constexpr size_t kMostDescriptorsInMessage = 253;
inline constexpr size_t kLongestMessage = size_t{64} << 20;

struct Message {
  std::string text{};
  std::vector<Descriptor> descriptors{};
};

/// Gets what comes on a channel. Each call may destroy the channel.
class MessageReader {
 public:
  virtual void on_message(Message message) = 0;
  /// Nothing comes any more: the other side has ended it, or what it sent is no message.
  virtual void on_end(Error why) = 0;

 protected:
  ~MessageReader() = default;
};

/// One end of the conversation. One thread's. Dropping it ends the conversation: the other side gets what was
/// sent before, and then the end.
class MessageChannel {
 public:
  MessageChannel() = default;
  virtual ~MessageChannel() = default;
  MessageChannel(const MessageChannel&) = delete;
  MessageChannel& operator=(const MessageChannel&) = delete;

  /// The process at the other end.
  virtual Result<Peer> peer() const = 0;
  /// Delivers what comes, never before it has returned. The reader outlives the channel.
  virtual void start_reading(MessageReader& reader) = 0;
  /// Never waits. A message that breaks the bounds above, or a broken connection, ends the channel: the
  /// reader's on_end() runs.
  virtual void send(std::string_view text, std::vector<Descriptor> descriptors) = 0;
  void send(std::string_view text) { send(text, {}); }
  /// Sending has failed, or the other side has ended it: on_end() runs, or has run.
  virtual bool is_broken() const = 0;
  /// All that was sent is on its way, even if this process ends now.
  virtual bool has_sent_all() const = 0;
};

}  // namespace sluice::net
