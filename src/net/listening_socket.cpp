#include <sluice/base/text.h>
#include <sluice/net/listening_socket.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>

#include "net/errors.h"
#include "net/listening_table.h"
#include "net/sockets.h"

namespace sluice::net {
namespace {

/// The highest number an interface could have: nothing arrives there.
constexpr int kNoInterface = std::numeric_limits<int>::max();

int backlog() {
  int value = 4096;
  if (FILE* file = std::fopen("/proc/sys/net/core/somaxconn", "re")) {
    if (std::fscanf(file, "%d", &value) != 1) value = 4096;
    std::fclose(file);
  }
  return value;
}

Error cannot_listen(const Address& address, int errno_value) {
  return error_of(concat({"cannot listen on ", address.text()}), -errno_value);
}

void set_option(int descriptor, int level, int option) {
  const int one = 1;
  ::setsockopt(descriptor, level, option, &one, sizeof one);
}

/// Removes the file of a Unix socket on which no process listens any more. What is no socket, or answers,
/// stays.
Result<void> remove_stale_file(const Address& address) {
  struct stat file;
  if (::lstat(address.path().c_str(), &file) != 0) return {};
  if (!S_ISSOCK(file.st_mode)) return cannot_listen(address, EEXIST);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return cannot_listen(address, errno);
  const SocketAddress target = to_socket_address(address);
  const int why = ::connect(probe, target.get(), target.size) == 0 ? 0 : errno;
  ::close(probe);
  if (why == 0 || why == EAGAIN) {  // EAGAIN: its queue is full, so it is there.
    return Error{.code = ErrorCode::conflict,
                 .message = concat({"another process is listening on ", address.text()})};
  }
  if (why != ECONNREFUSED) return cannot_listen(address, why);
  if (::unlink(address.path().c_str()) != 0 && errno != ENOENT) return cannot_listen(address, errno);
  return {};
}

int new_socket(const Address& address, int family) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || address.is_local()) return descriptor;
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR);
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY);  // Every connection accepted from it inherits this.
  if (family == AF_INET6) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
  return descriptor;
}

Result<void> bind_to(int descriptor, const Address& address, const SocketAddress& target) {
  if (::bind(descriptor, target.get(), target.size) == 0) return {};
  if (errno != EADDRINUSE || !address.is_local()) return cannot_listen(address, errno);
  if (auto removed = remove_stale_file(address); !removed) return removed;
  if (::bind(descriptor, target.get(), target.size) == 0) return {};
  return cannot_listen(address, errno);
}

}  // namespace

bool overlap(const Address& one, const Address& other) {
  if (one.is_local() || one.family() != other.family() || one.port() != other.port()) return false;
  const auto is_any = [](const Address& address) {
    return address.ip_bytes().find_first_not_of('\0') == std::string_view::npos;
  };
  return one.ip_bytes() == other.ip_bytes() || is_any(one) || is_any(other);
}

std::optional<uint64_t> socket_id(int descriptor) {
  struct stat socket;
  if (::fstat(descriptor, &socket) != 0) return std::nullopt;
  return socket.st_ino;
}

Result<ListeningSocket> ListeningSocket::open(const Address& address, Sharing sharing) {
  auto socket = bind(address, sharing);
  if (!socket) return socket;
  if (auto listening = socket->listen(); !listening) return std::move(listening).error();
  return socket;
}

Result<void> ListeningSocket::listen() {
  if (listens_) return {};
  if (::listen(descriptor_, backlog()) != 0) return cannot_listen(address_, errno);
  listens_ = true;
  return {};
}

Result<ListeningSocket> ListeningSocket::bind(const Address& address, Sharing sharing) {
  SocketAddress target = to_socket_address(address);
  const int descriptor = new_socket(address, target.storage.ss_family);
  if (descriptor < 0) return cannot_listen(address, errno);
  ListeningSocket socket(descriptor, address);
  if (sharing == Sharing::reuse_port && !address.is_local()) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT);
  if (auto bound = bind_to(descriptor, address, target); !bound) return std::move(bound).error();
  if (address.is_local()) {
    socket.take_file();
  } else {
    target.size = sizeof target.storage;
    ::getsockname(descriptor, target.get(), &target.size);
    socket.address_ = from_socket_address(target);
  }
  return socket;
}

Result<ListeningSocket> ListeningSocket::adopt(Descriptor descriptor) {
  int is_listening = 0;
  int type = 0;
  socklen_t size = sizeof type;
  ::getsockopt(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &size);
  size = sizeof is_listening;
  ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size);
  SocketAddress name;
  name.size = sizeof name.storage;
  if (::getsockname(descriptor.get(), name.get(), &name.size) != 0 || is_listening == 0 ||
      type != SOCK_STREAM) {
    return Error{.code = ErrorCode::malformed, .message = "a descriptor is no listening stream socket"};
  }
  ::fcntl(descriptor.get(), F_SETFL, ::fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
  ::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC);
  set_option(descriptor.get(), IPPROTO_TCP, TCP_NODELAY);  // The process that made it may not have.
  ListeningSocket socket(descriptor.release(), from_socket_address(name));
  socket.listens_ = true;
  socket.take_new_connections();
  return socket;
}

Result<void> ListeningSocket::check_free(const Address& address, const SocketIds& ours) {
  if (address.is_local()) return {};
  const SocketAddress target = to_socket_address(address);
  const int descriptor = new_socket(address, target.storage.ss_family);
  if (descriptor < 0) return cannot_listen(address, errno);
  const ListeningSocket closes(descriptor, address);
  auto bound = bind_to(descriptor, address, target);
  if (bound || ours.empty()) return bound;
  bool is_by_ours = false;
  for (const Listed& listed : listening_sockets(address.family())) {
    if (!overlap(listed.address, address)) continue;
    if (!ours.contains(listed.id)) return bound;
    is_by_ours = true;
  }
  return is_by_ours ? Result<void>() : bound;
}

ListeningSocket::ListeningSocket(int descriptor, Address address)
    : descriptor_(descriptor), address_(std::move(address)) {}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      address_(std::move(other.address_)),
      file_(std::exchange(other.file_, std::nullopt)),
      removes_file_(std::exchange(other.removes_file_, false)),
      listens_(other.listens_) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  if (this == &other) return *this;
  const ListeningSocket old(std::move(*this));
  descriptor_ = std::exchange(other.descriptor_, -1);
  address_ = std::move(other.address_);
  file_ = std::exchange(other.file_, std::nullopt);
  removes_file_ = std::exchange(other.removes_file_, false);
  listens_ = other.listens_;
  return *this;
}

ListeningSocket::~ListeningSocket() {
  if (descriptor_ < 0) return;
  remove_own_file();
  ::close(descriptor_);
}

void ListeningSocket::take_file() {
  if (!address_.is_local()) return;
  // To clients the kernel names the process that called listen() last (SO_PEERCRED).
  if (listens_) ::listen(descriptor_, backlog());
  struct stat file;
  if (::lstat(address_.path().c_str(), &file) != 0) return;
  file_ = {.device = file.st_dev, .inode = file.st_ino};
  removes_file_ = true;
}

void ListeningSocket::leave_file() {
  removes_file_ = false;
}

/// Another process may have put its own socket there since.
bool ListeningSocket::is_reachable() const {
  if (!address_.is_local()) return true;
  struct stat file;
  if (::lstat(address_.path().c_str(), &file) != 0) return false;
  return !file_ || (file.st_dev == file_->device && file.st_ino == file_->inode);
}

void ListeningSocket::remove_own_file() {
  if (removes_file_ && is_reachable()) ::unlink(address_.path().c_str());
}

bool ListeningSocket::shares_address() const {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_REUSEPORT, &value, &size);
  return value != 0 && !address_.is_local();
}

Result<ListeningSocket> ListeningSocket::duplicate() const {
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return cannot_listen(address_, errno);
  ListeningSocket socket(copy, address_);
  socket.listens_ = listens_;
  return socket;
}

void ListeningSocket::refuse_new_connections() {
  if (address_.is_local()) {
    remove_own_file();
    return leave_file();
  }
  // The filter sees the packet from the TCP header on. Byte 13 holds the flags: SYN (0x02) without ACK
  // (0x10).
  std::array<sock_filter, 5> program = {{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

/// A socket that is bound to an interface is passed over for all that comes by another one. Any process may
/// bind it once; to undo that takes privileges.
void ListeningSocket::yield_address() {
  if (address_.is_local()) return refuse_new_connections();
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_BINDTOIFINDEX, &kNoInterface, sizeof kNoInterface) != 0) {
    refuse_new_connections();
  }
}

bool ListeningSocket::has_yielded() const {
  int interface = 0;
  socklen_t size = sizeof interface;
  return ::getsockopt(descriptor_, SOL_SOCKET, SO_BINDTOIFINDEX, &interface, &size) == 0 &&
         interface == kNoInterface;
}

void ListeningSocket::take_new_connections() {
  const int unused = 0;
  ::setsockopt(descriptor_, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

}  // namespace sluice::net
