// A bound, listening socket: made before a configuration takes effect, kept across generations, closed last.
#pragma once

#include <sluice/base/address.h>
#include <sluice/base/result.h>
#include <sluice/net/descriptor.h>

#include <cstdint>
#include <optional>
#include <set>

namespace sluice::net {

/// Whether several sockets may share the address (SO_REUSEPORT), the kernel spreading connections over them.
enum class Sharing { alone, reuse_port };

/// Listening sockets as the kernel numbers them; copies in other processes have the same number.
using SocketIds = std::set<uint64_t>;

/// Whether a client of one address may be one of the other: the same port, and the same IP address or one
/// that stands for all of its family.
bool overlap(const Address& one, const Address& other);

/// The number of the socket behind a descriptor.
std::optional<uint64_t> socket_id(int descriptor);

/// Owns the descriptor (non-blocking, close-on-exec). Movable; any thread, one at a time.
class ListeningSocket {
 public:
  /// Binds and listens with SO_REUSEADDR and the backlog of net.core.somaxconn. A stale Unix socket file
  /// (no process answers on it) is replaced; a live one is an error of code conflict. `address` with port 0:
  /// the kernel picks.
  static Result<ListeningSocket> open(const Address& address, Sharing sharing);
  /// The same without listening: the address is reserved, and no client is taken from another socket that
  /// listens on one that overlaps it. Connection attempts are refused until listen(), which does nothing the
  /// second time.
  static Result<ListeningSocket> bind(const Address& address, Sharing sharing);
  Result<void> listen();

  /// Takes over a socket that another process has bound and listens on; its file stays the other's until
  /// take_file(). It takes new connections whatever was said before. An error when the descriptor is no
  /// listening stream socket.
  static Result<ListeningSocket> adopt(Descriptor descriptor);

  /// An error when a socket other than `ours` listens on the address or on one that overlaps it, even if it
  /// would share it. Unix sockets: always fine, since open() finds out.
  static Result<void> check_free(const Address& address, const SocketIds& ours = {});

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  /// Closes, and removes a Unix socket's file if it is this socket's to remove (see take_file()).
  ~ListeningSocket();

  /// With the port that the kernel picked.
  const Address& address() const { return address_; }
  int descriptor() const { return descriptor_; }
  std::optional<uint64_t> id() const { return socket_id(descriptor_); }

  /// Whether another socket can share its address: false for Unix sockets, which know no SO_REUSEPORT.
  bool shares_address() const;
  /// A second descriptor for the same socket and queue, where none can share the address.
  Result<ListeningSocket> duplicate() const;

  /// Which process removes a Unix socket's file in the end: this one, or another that has the socket, too. To
  /// clients the kernel names the process that has taken the file last.
  void take_file();
  void leave_file();
  /// False for a Unix socket whose file is gone, or another socket's by now: no client reaches it any more.
  bool is_reachable() const;

  /// Drops new connection attempts in the kernel (a socket filter on SYN), so that the queue of completed
  /// connections can be accepted to its end before the close. A Unix socket loses its file, if that is ours.
  void refuse_new_connections();
  /// Takes that back, but for the file.
  void take_new_connections();

  /// New connection attempts go to other sockets that listen on the address, or on one that overlaps it, and
  /// are refused when there are none; those that are half open still complete here. For good, and for all
  /// processes that have the socket. Where the kernel does not allow it, refuse_new_connections().
  void yield_address();
  bool has_yielded() const;

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
  bool listens_ = false;
};

}  // namespace sluice::net
