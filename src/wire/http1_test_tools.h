// An in-memory transport for the tests of wire/.
#pragma once

#include <sluice/net/transport.h>
#include <sluice/wire/body.h>

#include <fcntl.h>

#include <functional>
#include <string>

namespace sluice::wire {

/// What is written to it is kept for the test to see; what the test says arrives.
class MemoryTransport final : public net::Transport {
 public:
  ~MemoryTransport() override {
    if (at_close) at_close(*this);
  }
  void start_reading(net::Reader& reader) override { reader_ = &reader, reading = true; }
  void stop_reading() override { reading = false; }
  net::Flow write(std::span<const std::string_view> pieces) override {
    if (!pieces.empty()) ++writes;
    for (const auto piece : pieces) written += piece;
    return blocked ? net::Flow::blocked : net::Flow::open;
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
  Result<net::Peer> peer_process() const override { return has_no_descriptor(); }
  Result<net::Descriptor> duplicate() const override {
    return net::Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
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
  Pending<Result<void>> writable;
  std::function<void(const MemoryTransport&)> at_close;  // may be empty

 private:
  static Error has_no_descriptor() {
    return {.code = ErrorCode::unsupported, .message = "a transport in memory has no descriptor"};
  }

  net::Reader* reader_ = nullptr;
  Address address_ = *Address::parse("192.0.2.7:1000");
};

/// Keeps a body.
class KeepingReceiver final : public wire::BodyReceiver {
 public:
  void on_body(wire::Slices pieces) override {
    for (const auto piece : pieces) body += piece;
  }
  void on_body_end(Result<void> how) override {
    ended = true;
    if (!how) error = how.error().message;
  }
  std::string body;
  std::string error;
  bool ended = false;
};

}  // namespace sluice::wire
