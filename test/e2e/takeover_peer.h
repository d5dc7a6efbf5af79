// The other side of a takeover, played by a test: says what it is told, keeps the descriptors it gets, and
// hangs up when it likes.
#pragma once

#include <sluice/json/value.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "process.h"

namespace sluice::e2e {

/// Listening sockets and the like, closed when dropped.
class Descriptors {
 public:
  Descriptors() = default;
  Descriptors(Descriptors&& other) noexcept : numbers_(std::exchange(other.numbers_, {})) {}
  Descriptors& operator=(Descriptors&& other) noexcept;
  ~Descriptors();
  void add(int number) { numbers_.push_back(number); }
  /// The first ones, which are the caller's then.
  Descriptors take(size_t count);
  const std::vector<int>& numbers() const { return numbers_; }

 private:
  std::vector<int> numbers_;
};

/// A Unix socket that listens.
int listen_on(const std::string& path);
/// A TCP socket that listens on a port of the kernel's choice, which shares its address.
int listen_on_any_port();
int port_of(int socket);

class TakeoverPeer {
 public:
  /// As a new process does: connects to an admin socket, and says `line`.
  explicit TakeoverPeer(const std::string& admin_socket, const std::string& line = "takeover\n");
  /// As the old one: a connection that it has accepted; reads the line.
  explicit TakeoverPeer(int accepted);
  ~TakeoverPeer() { hang_up(); }
  TakeoverPeer(const TakeoverPeer&) = delete;
  TakeoverPeer& operator=(const TakeoverPeer&) = delete;

  bool send_bytes(const std::string& bytes) const;
  /// With descriptors, which stay the caller's.
  bool pass_on(std::string bytes, const std::vector<int>& descriptors) const;
  bool say(const json::Value& message, const std::vector<int>& descriptors = {}) const;
  static std::string framed(const std::string& text, size_t descriptors = 0);
  static json::Value hello(int newest = 1, int oldest = 1);
  /// Of one that takes the listener on 127.0.0.1:0, and the admin socket.
  static json::Value ready();
  static json::Value ready(int room, bool probation = false);
  /// In answer to one connection.
  static json::Value no_room();

  /// A message as it came. Its descriptors are among those of descriptors() that nobody has taken.
  struct Frame {
    std::string bytes;
    json::Value message;
    size_t descriptors = 0;
  };
  std::optional<Frame> next_frame(milliseconds bound = 10s);
  /// The next message; nothing when the other side hung up or `bound` is over.
  std::optional<json::Value> hear(milliseconds bound = 10s);
  /// Messages until one of this kind.
  std::optional<json::Value> hear_until(const std::string& kind);
  bool is_over(milliseconds bound = 10s);
  void hang_up();
  /// shutdown(), in these directions.
  void end(int how) const;

  /// Everything that came with messages.
  const Descriptors& descriptors() const { return descriptors_; }
  Descriptors take_descriptors(size_t count) { return descriptors_.take(count); }

 private:
  bool fill(milliseconds bound);

  int socket_ = -1;
  bool ended_ = false;
  std::string input_;
  Descriptors descriptors_;
};

}  // namespace sluice::e2e
