// What the tests of net/ are made of: a reader that collects, two connected transports, plain blocking
// sockets.
#pragma once

#include <sluice/base/check.h>  // before doctest, which has a CHECK of its own
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/sockets.h"

#include <doctest/doctest.h>

namespace sluice::net::test {

constexpr Duration kLong{10000};  // nothing that works takes this long
constexpr Duration kShort{50};    // for what must not happen

inline uint64_t inode(int descriptor) {
  struct stat about {};
  REQUIRE(::fstat(descriptor, &about) == 0);
  return about.st_ino;
}

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-net-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string file(const std::string& name) const { return path_ / name; }
  Address address() const { return Address::local(file("socket")); }

 private:
  std::filesystem::path path_;
};

/// Keeps what it receives; `then` runs after each call, and may destroy the transport and this.
struct Collector final : Reader {
  std::string bytes;
  bool ended = false;
  std::optional<Error> error;
  std::function<void()> then;

  void on_bytes(std::string_view more) override {
    bytes += more;
    call();
  }
  void on_end(Result<void> how) override {
    ended = true;
    if (!how) error = how.error();
    call();
  }
  void call() const {
    const auto callback = then;
    if (callback) callback();
  }
};

/// A plain socket of the test's own, as a client of another process would have.
class RawSocket {
 public:
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
  RawSocket(RawSocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() { close(); }

  static RawSocket connect(const Address& address) {
    RawSocket raw = connecting(address);
    REQUIRE(raw.is_connected(kLong));
    return raw;
  }
  static RawSocket connecting(const Address& address) {
    const SocketAddress target = to_socket_address(address);
    RawSocket raw(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(raw.descriptor_, target.get(), target.size));
    return raw;
  }

  int descriptor() const { return descriptor_; }
  bool is_connected(Duration bound) const {
    if (!wait_for(POLLOUT, bound)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  bool wait_for(short events, Duration bound) const {
    pollfd entry{.fd = descriptor_, .events = events, .revents = 0};
    return ::poll(&entry, 1, static_cast<int>(bound.count())) == 1;
  }
  void send(std::string_view bytes) const {
    REQUIRE(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  /// What is there now; nothing at the end; an error's errno through `error`.
  std::string receive(int* error = nullptr) const {
    std::array<char, 65536> buffer;
    if (!wait_for(POLLIN, kLong)) return "nothing came";
    const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (error != nullptr) *error = count < 0 ? errno : 0;
    return {buffer.data(), count < 0 ? 0 : static_cast<size_t>(count)};
  }
  void reset() {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close();
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
};

inline Address any_port() {
  return *Address::parse("127.0.0.1:0");
}

inline ListeningSocket listen(const Address& address = any_port(), Sharing sharing = Sharing::alone) {
  auto socket = ListeningSocket::open(address, sharing);
  if (!socket) MESSAGE(socket.error().message);
  REQUIRE(socket);
  return *std::move(socket);
}

enum class Kind { tcp, local };
constexpr Kind kKinds[] = {Kind::tcp, Kind::local};

/// Two transports connected to each other, or one of them to a raw socket, on one loop.
struct Pair {
  explicit Pair(Kind kind) : listening(listen(kind == Kind::tcp ? any_port() : folder.address())) {}

  /// Both ends ours.
  void open() {
    const auto acceptor =
        loop.accept(listening, [this](std::unique_ptr<Transport> accepted) { a = std::move(accepted); });
    const Wait wait = loop.connect(listening.address(), [this](Result<std::unique_ptr<Transport>> connected) {
      REQUIRE(connected);
      b = *std::move(connected);
    });
    REQUIRE(loop.run_until([this] { return a && b; }, kLong));
  }
  /// One end ours, the other a plain socket.
  RawSocket open_raw() {
    const auto acceptor =
        loop.accept(listening, [this](std::unique_ptr<Transport> accepted) { a = std::move(accepted); });
    RawSocket raw = RawSocket::connect(listening.address());
    REQUIRE(loop.run_until([this] { return a != nullptr; }, kLong));
    return raw;
  }
  /// Runs the loop a while in which nothing should happen.
  void settle() {
    loop.run_until([] { return false; }, kShort);
  }
  bool until(const std::function<bool()>& done) { return loop.run_until(done, kLong); }

  TemporaryFolder folder;
  Loop loop;
  ListeningSocket listening;
  std::unique_ptr<Transport> a;
  std::unique_ptr<Transport> b;
};

inline Flow write(Transport& transport, std::string_view bytes) {
  return transport.write(std::span(&bytes, 1));
}

/// Bytes of which none is like its neighbours, so that a lost or doubled one shows.
inline std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761u) >> 13);
  return bytes;
}

/// Writes until the transport keeps `kept` bytes; returns all that was written.
inline std::string fill(Transport& transport, size_t kept) {
  static const std::string whole = pattern(size_t{24} * 1024 * 1024);
  std::string written;
  while (transport.pending_bytes() < kept) {
    const auto piece = std::string_view(whole).substr(written.size(), 100'000);
    REQUIRE_FALSE(piece.empty());
    write(transport, piece);
    written += piece;
  }
  return written;
}

}  // namespace sluice::net::test
