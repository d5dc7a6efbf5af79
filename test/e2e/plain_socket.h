// A client that hides nothing: bytes out in the pieces it is told, bytes in, and how the connection ended.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "process.h"

namespace sluice::e2e {

enum class End { none, closed, reset };

struct Received {
  std::string bytes{};
  End end = End::none;  ///< none: the peer still had it open when the wait was over
};

/// Blocks until all is sent, or the peer takes nothing more.
void send_all(int socket, std::string_view bytes);

class PlainSocket {
 public:
  /// With a receive buffer of this size, when it is not 0.
  explicit PlainSocket(int port, int receive_buffer_bytes = 0);
  PlainSocket(PlainSocket&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), sent_all_(other.sent_all_) {}
  PlainSocket& operator=(PlainSocket&&) = delete;
  ~PlainSocket() { close(); }

  int descriptor() const { return socket_; }
  /// False once the peer takes nothing more.
  bool send(std::string_view bytes);
  /// In pieces of this size, each given the time to be read by itself.
  bool send_in_pieces(std::string_view bytes, size_t piece);
  /// Gives the other side a moment to read what was sent; ends early when it has answered.
  void breathe() const;
  /// Without waiting: as much of `bytes` as fits.
  size_t send_some(std::string_view bytes);
  /// Without waiting: at most `most` bytes of what has come.
  Received receive_some(size_t most);
  Received receive_to_end(milliseconds bound = 10s);
  void close();

 private:
  int socket_ = -1;
  bool sent_all_ = true;
};

}  // namespace sluice::e2e
