// A transport for tests, without a socket.
#pragma once

#include <sluice/net/transport.h>

#include <fcntl.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::net {

/// What is written to it is kept for the test to see; what the test says arrives.
class MemoryTransport final : public Transport {
 public:
  ~MemoryTransport() override {
    if (at_close) at_close(*this);
  }
  void start_reading(Reader& reader) override { reader_ = &reader, reading = true; }
  void stop_reading() override { reading = false; }
  Flow write(std::span<const std::string_view> pieces) override {
    if (!pieces.empty()) ++writes;
    for (const auto piece : pieces) written += piece;
    return blocked ? Flow::blocked : Flow::open;
  }
  Wait when_writable(std::function<void(Result<void>)> callback) override {
    return writable.wait(std::move(callback));
  }
  size_t pending_bytes() const override { return blocked ? 1 : 0; }
  std::string kept() const override { return {}; }
  void shutdown() override { is_shut_down = true; }
  void reset_on_close() override { resets = true; }
  bool is_stale() const override { return false; }
  bool has_hung_up() const override { return hung_up; }
  bool has_broken() const override { return broken; }
  size_t unacknowledged() const override { return written.size() - acknowledged; }
  const Address& peer() const override { return address_; }
  Result<Peer> peer_process() const override { return none(); }
  Result<Descriptor> duplicate() const override {
    if (!has_descriptor) return none();
    return Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
  }

  void arrive(std::string_view bytes) { reader_->on_bytes(bytes); }
  void end(Result<void> how = {}) { reader_->on_end(std::move(how)); }
  void unblock() {
    blocked = false;
    writable.fire({});
  }

  std::string written;
  size_t acknowledged = 0;
  int writes = 0;
  bool reading = false;
  bool blocked = false;
  bool is_shut_down = false;
  bool resets = false;
  bool hung_up = false;
  bool broken = false;
  bool has_descriptor = true;  // for duplicate()
  Pending<Result<void>> writable;
  std::function<void(const MemoryTransport&)> at_close;  // may be empty

 private:
  static Error none() {
    return {.code = ErrorCode::unsupported, .message = "a transport in memory has no descriptor"};
  }

  Reader* reader_ = nullptr;
  Address address_ = *Address::parse("192.0.2.7:1000");
};

}  // namespace sluice::net
