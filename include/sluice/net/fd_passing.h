// Messages between two processes of one host, with descriptors in hand (SCM_RIGHTS on a Unix stream socket).
#pragma once

#include <sluice/base/address.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/loop.h>
#include <sluice/net/peer.h>

#include <cstddef>
#include <memory>
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

/// A connection to the process that listens on the Unix socket. Does not block.
Result<Descriptor> connect_local(const std::string& path);

/// One loop's. Each message goes as 4 bytes of its text's length and 4 of its number of descriptors, both in
/// network order, and the text; the descriptors travel with the first byte.
class MessageChannel {
 public:
  /// `connection` is a connected Unix stream socket; `received` has been read from it already.
  MessageChannel(Loop& loop, Descriptor connection, std::string_view received = {});
  ~MessageChannel();
  MessageChannel(const MessageChannel&) = delete;
  MessageChannel& operator=(const MessageChannel&) = delete;

  Result<Peer> peer() const;
  /// Delivers what comes, never before it has returned. The reader outlives the channel.
  void start_reading(MessageReader& reader);
  /// Keeps what the kernel does not take at once. A message that breaks the bounds above, or a broken
  /// connection, ends the channel: the reader's on_end() runs.
  void send(std::string_view text, std::vector<Descriptor> descriptors = {});
  /// Sending has failed, or the other side has ended it: on_end() runs, or has run.
  bool is_broken() const;
  /// Nothing is kept any more: the kernel has it all.
  bool has_sent_all() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
