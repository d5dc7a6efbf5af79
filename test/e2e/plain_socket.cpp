#include "plain_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <vector>

namespace sluice::e2e {

using Clock = std::chrono::steady_clock;

PlainSocket::PlainSocket(int port, int receive_buffer_bytes)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_buffer_bytes != 0) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the proxy");
  }
}

void PlainSocket::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool PlainSocket::send(std::string_view bytes) {
  while (sent_all_ && !bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) sent_all_ = false;
    if (count > 0) bytes.remove_prefix(static_cast<size_t>(count));
  }
  return sent_all_;
}

bool PlainSocket::send_in_pieces(std::string_view bytes, size_t piece) {
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (at != 0) breathe();
    if (!send(bytes.substr(at, piece))) return false;
  }
  return true;
}

void PlainSocket::breathe() const {
  pollfd input{.fd = socket_, .events = POLLIN, .revents = 0};
  const timespec moment{.tv_sec = 0, .tv_nsec = 150'000};
  ::ppoll(&input, 1, &moment, nullptr);
}

size_t PlainSocket::send_some(std::string_view bytes) {
  const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count > 0 ? static_cast<size_t>(count) : 0;
}

Received PlainSocket::receive_some(size_t most) {
  Received received;
  std::vector<char> buffer(most);
  const ssize_t count = ::recv(socket_, buffer.data(), most, MSG_DONTWAIT);
  if (count > 0) received.bytes.assign(buffer.data(), static_cast<size_t>(count));
  if (count == 0) received.end = End::closed;
  if (count < 0 && errno != EAGAIN && errno != EINTR) received.end = End::reset;
  return received;
}

Received PlainSocket::receive_to_end(milliseconds bound) {
  Received all;
  const auto end = Clock::now() + bound;
  while (all.end == End::none) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
    pollfd input{.fd = socket_, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&input, 1, static_cast<int>(left)) <= 0) break;
    const auto some = receive_some(65536);
    all.bytes += some.bytes;
    all.end = some.end;
  }
  return all;
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

}  // namespace sluice::e2e
