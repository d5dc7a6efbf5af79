#include "bad_origin.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace sluice::e2e {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::string_view kHalf =
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe beginning of what never comes";
constexpr std::string_view kGarbage = "\x16\x03\x01 this is no HTTP/1.1 at all\r\n\r\n\r\n";

/// -1 when another socket listens there.
int bound_socket(sockaddr_in& address) {
  const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(made, any, size) == 0 && ::getsockname(made, any, &size) == 0) return made;
  const bool is_taken = errno == EADDRINUSE;
  ::close(made);
  if (!is_taken) throw std::runtime_error("the bad origin cannot bind");
  return -1;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void send(int socket, std::string_view bytes) {
  // Small enough for the socket's buffer.
  static_cast<void>(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

std::string response(int status, const std::string& fields) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + fields + "Content-Length: 3\r\n\r\nhi\n";
}

}  // namespace

BadOrigin::BadOrigin(Way way) : way_(way) {
  sockaddr_in address = loopback(0);
  reserve_ = bound_socket(address);
  port_ = ntohs(address.sin_port);
  listen();
  thread_ = std::thread([this] { run(); });
}

BadOrigin::~BadOrigin() {
  stopping_ = true;
  thread_.join();
  refuse();
  ::close(reserve_);
}

void BadOrigin::answer(const Answering& how) {
  const std::lock_guard lock(mutex_);
  answering_ = how;
}

void BadOrigin::listen() {
  if (listening_ >= 0) return;
  sockaddr_in address = loopback(port_);
  // A process that is being started has a copy of the one before until it runs its program: then the next
  // turn listens.
  listening_ = bound_socket(address);
  if (listening_ >= 0 && ::listen(listening_, 128) != 0) {
    throw std::runtime_error("the bad origin cannot listen");
  }
}

void BadOrigin::refuse() {
  if (listening_ >= 0) ::close(listening_);
  listening_ = -1;
  for (Connection& connection : connections_) end(connection, Then::reset);
  connections_.clear();
}

void BadOrigin::follow_way() {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch());
  const bool is_away = way_ == Way::flaps && since / 50ms % 2 == 1;
  is_away ? refuse() : listen();
}

void BadOrigin::run() {
  while (!stopping_) {
    follow_way();
    std::vector<pollfd> watched{{.fd = listening_, .events = POLLIN, .revents = 0}};
    for (const auto& connection : connections_) {
      watched.push_back({.fd = connection.socket, .events = POLLIN, .revents = 0});
    }
    ::poll(watched.data(), watched.size(), 5);
    for (size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      if (!connection.slowly.empty()) send_slowly(connection);
      const Then then = watched[i + 1].revents == 0 ? Then::keep : read(connection);
      if (then != Then::keep) end(connection, then);
    }
    std::erase_if(connections_, [](const auto& connection) { return connection.socket < 0; });
    if ((watched[0].revents & POLLIN) != 0) {
      const int accepted = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (accepted >= 0) connections_.push_back({.socket = accepted});
    }
    const auto is_client = [](const auto& connection) { return !connection.is_probe; };
    connected_ = static_cast<size_t>(std::ranges::count_if(connections_, is_client));
  }
}

BadOrigin::Then BadOrigin::read(Connection& connection) {
  char bytes[4096];
  const ssize_t count = ::recv(connection.socket, bytes, sizeof bytes, 0);
  if (count <= 0) return Then::close;
  connection.input.append(bytes, static_cast<size_t>(count));
  const size_t end = connection.input.find("\r\n\r\n");
  if (end == std::string::npos) return Then::keep;
  const std::string head = connection.input.substr(0, end);
  connection.input.erase(0, end + 4);
  return answer_request(connection, head);
}

BadOrigin::Then BadOrigin::answer_request(Connection& connection, const std::string& head) {
  connection.is_probe = head.starts_with("GET /ping ");
  if (connection.is_probe) {
    ++pings_;
    if (ping_ != 0) send(connection.socket, response(ping_, ""));
    return Then::keep;
  }
  ++requests_;
  const std::lock_guard lock(mutex_);
  const std::string good = response(answering_.status, answering_.fields);
  switch (way_) {
    case Way::silent:
      return Then::keep;
    case Way::trickles:
      connection.slowly = good;
      return Then::keep;
    case Way::resets:
      return Then::reset;
    case Way::resets_after_head:
      send(connection.socket, kHalf);
      return Then::reset;
    case Way::garbage:
      send(connection.socket, kGarbage);
      return Then::close;
    case Way::good:
    case Way::flaps:
      break;
  }
  send(connection.socket, good);
  return Then::keep;
}

void BadOrigin::send_slowly(Connection& connection) {
  if (Clock::now() < connection.next_byte) return;
  connection.next_byte = Clock::now() + 1s;
  send(connection.socket, std::string_view(connection.slowly).substr(0, 1));
  connection.slowly.erase(0, 1);
}

/// A reset takes effect at once, and may overtake what was sent before it.
void BadOrigin::end(Connection& connection, Then how) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (how == Then::reset) {
    ::setsockopt(connection.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(std::exchange(connection.socket, -1));
}

}  // namespace sluice::e2e
