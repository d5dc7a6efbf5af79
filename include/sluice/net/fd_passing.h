// A message channel on a Unix stream socket, which passes descriptors by SCM_RIGHTS.
#pragma once

#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/loop.h>
#include <sluice/net/message_channel.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

/// A connection to the process that listens on the Unix socket. Does not block.
Result<Descriptor> connect_local(const std::string& path);

/// One loop's. Each message goes as 4 bytes of its text's length and 4 of its number of descriptors, both in
/// network order, and the text; the descriptors travel with the first byte. What the kernel does not take at
/// once is kept.
class SocketChannel final : public MessageChannel {
 public:
  /// `connection` is a connected Unix stream socket; `received` has been read from it already.
  SocketChannel(Loop& loop, Descriptor connection, std::string_view received = {});
  ~SocketChannel() override;

  using MessageChannel::send;
  Result<Peer> peer() const override;
  void start_reading(MessageReader& reader) override;
  void send(std::string_view text, std::vector<Descriptor> descriptors) override;
  bool is_broken() const override;
  bool has_sent_all() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
