// The bench's origin: so cheap that it is never the limit. origin PORT [ADDRESSES]: listens on that port of
// 127.0.0.1 to 127.0.0.ADDRESSES, or for 0 of all addresses, one thread. A request costs one recv and one
// send, and a shared epoll_wait.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "origin_answer.h"
#include "origin_request.h"

namespace sluice::bench {
namespace {

constexpr int kEvents = 256;
constexpr size_t kScratch = size_t{128} << 10;

class Origin {
 public:
  Origin() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  bool listen_on(uint32_t address, uint16_t port);
  [[noreturn]] void run();

 private:
  struct Connection {
    int descriptor = -1;
    std::string unread{};  // a head's beginning, or requests behind the one that is being answered
    bool in_request = false;
    Request request{};
    uint64_t body_left = 0;
    ChunkedBody chunks{};
    const Answer* answer = nullptr;  // to the request; being sent once the body is complete
    bool is_sending = false;
    size_t sent = 0;
    uint64_t filler_left = 0;
    bool waits_to_send = false;
  };

  void accept_all(int listening);
  void on_ready(Connection& connection);
  void read(Connection& connection);
  bool handle(Connection& connection, std::string_view bytes);
  size_t take(Connection& connection, std::string_view bytes);
  static size_t take_body(Connection& connection, std::string_view bytes);
  bool send(Connection& connection);
  void watch(Connection& connection, bool for_sending);
  void close(Connection& connection);

  int epoll_;
  std::vector<int> listening_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::vector<char> scratch_ = std::vector<char>(kScratch);
  Answers answers_{""};
  Answers old_answers_{"Connection: keep-alive\r\n"};  // to HTTP/1.0, which would else expect an end
};

bool Origin::listen_on(uint32_t address, uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Those that it accepts inherit this.
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(address);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return false;
  if (listen(descriptor, 4096) != 0) return false;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  listening_.push_back(descriptor);
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Origin::run() {
  std::array<epoll_event, kEvents> events;
  for (;;) {
    const int ready = epoll_wait(epoll_, events.data(), kEvents, -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[static_cast<size_t>(i)].data.fd;
      if (std::find(listening_.begin(), listening_.end(), descriptor) != listening_.end())
        accept_all(descriptor);
      else if (const auto& connection = connections_[static_cast<size_t>(descriptor)])
        on_ready(*connection);
    }
  }
}

void Origin::accept_all(int listening) {
  for (;;) {
    const int descriptor = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const auto index = static_cast<size_t>(descriptor);
    if (connections_.size() <= index) connections_.resize(index + 1);
    connections_[index] = std::make_unique<Connection>();
    connections_[index]->descriptor = descriptor;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }
}

void Origin::on_ready(Connection& connection) {
  if (!connection.waits_to_send) return read(connection);
  if (!send(connection) || connection.is_sending) return;
  watch(connection, false);
  handle(connection, std::exchange(connection.unread, {}));
}

void Origin::read(Connection& connection) {
  const bool skip = connection.in_request && connection.body_left >= kScratch;
  // A long body is dropped in the kernel, without a copy.
  const ssize_t count = skip ? recv(connection.descriptor, nullptr, connection.body_left, MSG_TRUNC)
                             : recv(connection.descriptor, scratch_.data(), scratch_.size(), 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return close(connection);
  const auto size = static_cast<size_t>(count);
  if (skip) {
    connection.body_left -= size;
    if (connection.body_left == 0) handle(connection, {});
  } else if (connection.unread.empty()) {
    handle(connection, {scratch_.data(), size});
  } else {
    std::string bytes = std::exchange(connection.unread, {});
    handle(connection, bytes.append(scratch_.data(), size));
  }
}

/// False: the connection is gone.
bool Origin::handle(Connection& connection, std::string_view bytes) {
  for (;;) {
    bytes.remove_prefix(take(connection, bytes));
    if (!connection.is_sending) break;  // needs more bytes
    if (!send(connection)) return false;
    if (!connection.is_sending) continue;
    watch(connection, true);
    break;
  }
  connection.unread.assign(bytes);
  return true;
}

/// How many bytes belong to the request that is being read; begins to answer it when that was the last.
size_t Origin::take(Connection& connection, std::string_view bytes) {
  size_t used = 0;
  if (!connection.in_request) {
    connection.request = {};
    used = read_head(bytes, connection.request);
    if (used == 0) return 0;
    connection.in_request = true;
    connection.answer = &(connection.request.old && !connection.request.close ? old_answers_ : answers_)
                             .to(connection.request.target);
    connection.body_left = connection.request.chunked ? 0 : connection.request.length;
    connection.chunks = {};
  }
  used += take_body(connection, bytes.substr(used));
  if (connection.request.chunked ? !connection.chunks.is_complete() : connection.body_left > 0) return used;
  connection.in_request = false;
  connection.is_sending = true;
  connection.sent = 0;
  connection.filler_left = connection.answer->filler;
  return used;
}

size_t Origin::take_body(Connection& connection, std::string_view bytes) {
  if (connection.request.chunked) return connection.chunks.take(bytes);
  const auto count = static_cast<size_t>(std::min<uint64_t>(connection.body_left, bytes.size()));
  connection.body_left -= count;
  return count;
}

/// Sends what the socket takes. False: the connection is gone.
bool Origin::send(Connection& connection) {
  for (;;) {
    const std::string& bytes = connection.answer->bytes;
    const size_t head_left = bytes.size() - connection.sent;
    const auto filler_part = static_cast<size_t>(std::min<uint64_t>(connection.filler_left, filler().size()));
    if (head_left == 0 && filler_part == 0) break;
    std::array<iovec, 2> parts = {{{const_cast<char*>(bytes.data()) + connection.sent, head_left},
                                   {const_cast<char*>(filler().data()), filler_part}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t count = filler_part == 0
                              ? ::send(connection.descriptor, parts[0].iov_base, head_left, MSG_NOSIGNAL)
                              : sendmsg(connection.descriptor, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return close(connection), false;
    const size_t of_head = std::min(head_left, static_cast<size_t>(count));
    connection.sent += of_head;
    connection.filler_left -= static_cast<size_t>(count) - of_head;
  }
  connection.is_sending = false;
  if (connection.request.close) return close(connection), false;
  return true;
}

void Origin::watch(Connection& connection, bool for_sending) {
  if (connection.waits_to_send == for_sending) return;
  connection.waits_to_send = for_sending;
  epoll_event event{};
  event.events = for_sending ? EPOLLOUT : EPOLLIN;
  event.data.fd = connection.descriptor;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.descriptor, &event);
}

void Origin::close(Connection& connection) {
  const int descriptor = connection.descriptor;
  ::close(descriptor);
  connections_[static_cast<size_t>(descriptor)] = nullptr;
}

}  // namespace
}  // namespace sluice::bench

int main(int count, char** arguments) {
  if (count < 2 || count > 3) {
    std::fprintf(stderr, "usage: origin PORT [ADDRESSES]\n");
    return 2;
  }
  const auto port = static_cast<uint16_t>(std::atoi(arguments[1]));
  const int addresses = count == 3 ? std::clamp(std::atoi(arguments[2]), 0, 200) : 1;
  sluice::bench::Origin origin;
  if (addresses == 0 && !origin.listen_on(INADDR_ANY, port)) {
    std::perror("listen");
    return 1;
  }
  for (int i = 0; i < addresses; ++i) {
    if (origin.listen_on(INADDR_LOOPBACK + static_cast<uint32_t>(i), port)) continue;
    std::perror("listen");
    return 1;
  }
  origin.run();
}
