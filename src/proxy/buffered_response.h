// The body of a response that is kept back until it is whole, or too large to be: until then nothing has
// reached the client, and another backend may be tried.
#pragma once

#include <sluice/wire/body.h>

#include <functional>
#include <string>

namespace sluice::proxy {

/// Stands before the client. Used again after stop().
class BufferedResponse final : public wire::BodySink {
 public:
  /// Keeps at most `most` bytes. `begin` sends the head, before the first byte goes on.
  void start(wire::BodySink& client, size_t most, std::function<void()> begin);
  /// Forgets what is held, and the client.
  void stop();
  bool is_in_use() const { return client_ != nullptr; }

  using wire::BodySink::write_body;
  wire::Flow write_body(wire::Slices pieces) override;
  wire::Flow end_body(const http::FieldList& trailers) override;
  Wait when_writable(std::function<void(Result<void>)> callback) override;

 private:
  wire::Flow let_go();

  wire::BodySink* client_ = nullptr;
  std::function<void()> begin_;  // empty once it has begun
  std::string held_;
  size_t most_ = 0;
};

}  // namespace sluice::proxy
