// A bound, listening socket: made before a configuration takes effect, kept across generations, closed last.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>

#include <cstdint>
#include <optional>

namespace sluice::net {

/// Whether several sockets may share the address (SO_REUSEPORT), the kernel spreading connections over them.
enum class Sharing { alone, reuse_port };

/// Owns the descriptor (non-blocking, close-on-exec). Movable; any thread, one at a time.
class ListeningSocket {
 public:
  /// Binds and listens with SO_REUSEADDR and the backlog of net.core.somaxconn. A stale Unix socket file
  /// (nobody answers on it) is replaced; a live one is an error of code conflict. `address` with port 0: the
  /// kernel picks.
  static Result<ListeningSocket> open(const Address& address, Sharing sharing);

  /// Takes over a socket that another process has bound and listens on; its file stays the other's until
  /// take_file(). It takes new connections whatever was said before. An error when the descriptor is no
  /// listening stream socket.
  static Result<ListeningSocket> adopt(Descriptor descriptor);

  /// An error when somebody listens on the address, even one who would share it. Unix sockets: always fine,
  /// since open() finds out.
  static Result<void> check_free(const Address& address);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  /// Closes; a Unix socket's file is removed by the one that made it.
  ~ListeningSocket();

  /// With the port that the kernel picked.
  const Address& address() const { return address_; }
  int descriptor() const { return descriptor_; }

  /// Whether another socket can share its address: false for Unix sockets, which know no SO_REUSEPORT.
  bool shares_address() const;
  /// A second descriptor for the same socket and queue, where none can share the address.
  Result<ListeningSocket> duplicate() const;

  /// Who removes a Unix socket's file in the end: we, or another process that has the socket, too.
  void take_file();
  void leave_file();
  /// False for a Unix socket whose file is gone, or another's by now: nobody connects to it any more.
  bool is_reachable() const;

  /// Drops new connection attempts in the kernel (a socket filter on SYN), so that the queue of completed
  /// connections can be accepted to its end before the close. A Unix socket loses its file, if that is ours.
  void refuse_new_connections();
  /// Takes that back, but for the file.
  void take_new_connections();

 private:
  /// Which file is ours: the path may name another's by now.
  struct File {
    uint64_t device;
    uint64_t inode;
  };

  ListeningSocket(int descriptor, Address address);
  void remove_own_file();

  int descriptor_ = -1;
  Address address_;
  std::optional<File> file_;  // as far as it has ever been ours
  bool removes_file_ = false;
};

}  // namespace sluice::net
