#include "echo_origin.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "takeover_peer.h"

namespace sluice::e2e {
namespace {

constexpr int kTurnMs = 5;  // so that a hold or a stop is soon seen

const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

}  // namespace

struct EchoOrigin::Connection {
  explicit Connection(int accepted) : socket(accepted) { ::fcntl(socket, F_SETFL, O_NONBLOCK); }
  ~Connection() { ::close(socket); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int socket;
  std::string head;
  std::string output;
  bool is_tunnel = false;
  bool has_ended = false;  // the other side's direction
  bool is_over = false;
};

EchoOrigin::EchoOrigin()
    : listening_(listen_on_any_port()), port_(port_of(listening_)), thread_([this] { run(); }) {}

EchoOrigin::~EchoOrigin() {
  stopping_ = true;
  thread_.join();
  ::close(listening_);
}

std::string EchoOrigin::pool(const std::string& more) const {
  return "[pool.shop]\nbackends = [\"" + address() + "\"]\nhealth = false\n" + more;
}

void EchoOrigin::run() {
  while (!stopping_) {
    std::vector<pollfd> wanted = {{.fd = listening_, .events = POLLIN, .revents = 0}};
    const bool is_held = held_;
    for (const auto& connection : connections_) {
      const int reading = connection->has_ended ? 0 : POLLIN;
      const int writing = connection->output.empty() ? 0 : POLLOUT;
      const int number = is_held ? -1 : connection->socket;
      wanted.push_back({.fd = number, .events = static_cast<short>(reading | writing), .revents = 0});
    }
    ::poll(wanted.data(), wanted.size(), kTurnMs);
    for (size_t i = 1; i < wanted.size() && !is_held; ++i) {
      Connection& connection = *connections_[i - 1];
      if ((wanted[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0) read(connection);
      write(connection);
    }
    std::erase_if(connections_, [](const auto& connection) { return connection->is_over; });
    if ((wanted[0].revents & POLLIN) == 0) continue;
    const int accepted = ::accept(listening_, nullptr, nullptr);
    if (accepted >= 0) connections_.push_back(std::make_unique<Connection>(accepted));
  }
  connections_.clear();
}

void EchoOrigin::read(Connection& connection) {
  char buffer[65536];
  const ssize_t count = ::recv(connection.socket, buffer, sizeof buffer, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count < 0) connection.is_over = true;
  if (count <= 0) {
    connection.has_ended = true;
    return;
  }
  const std::string bytes(buffer, static_cast<size_t>(count));
  if (connection.is_tunnel) {
    connection.output += bytes;
    return;
  }
  connection.head += bytes;
  const size_t end = connection.head.find("\r\n\r\n");
  if (end == std::string::npos) return;
  ++upgrades_;
  connection.is_tunnel = true;
  connection.output = kSwitching + connection.head.substr(end + 4);
}

void EchoOrigin::write(Connection& connection) {
  if (connection.is_over) return;
  if (!connection.output.empty()) {
    const ssize_t count =
        ::send(connection.socket, connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
    if (count > 0) connection.output.erase(0, static_cast<size_t>(count));
    if (count < 0 && errno != EAGAIN) connection.is_over = true;
  }
  if (connection.has_ended && connection.output.empty()) {
    ::shutdown(connection.socket, SHUT_WR);
    connection.is_over = true;
  }
}

}  // namespace sluice::e2e
