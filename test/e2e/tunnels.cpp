#include "tunnels.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "plain_socket.h"

namespace sluice::e2e {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kPlain = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kAsk =
    "GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// What has come up to and with `end`; what came after it stays.
std::string receive_up_to(PlainSocket& socket, std::string& input, std::string_view end, milliseconds bound) {
  const auto until = Clock::now() + bound;
  size_t at = 0;
  while ((at = input.find(end)) == std::string::npos) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    pollfd ready{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) return {};
    const Received some = socket.receive_some(4096);
    input += some.bytes;
    if (some.end != End::none) return {};
  }
  std::string found = input.substr(0, at + end.size());
  input.erase(0, at + end.size());
  return found;
}

}  // namespace

UpgradingOrigin::UpgradingOrigin() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listening_, 1024) != 0 ||
      ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0 || ::pipe(wake_) != 0) {
    throw std::runtime_error("the echoing backend cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

UpgradingOrigin::~UpgradingOrigin() {
  send_all(wake_[1], "x");
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listening_);
}

std::string UpgradingOrigin::pool(const std::string& more) const {
  return "[pool.shop]\nbackends = [\"" + address() +
         "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n" + more;
}

void UpgradingOrigin::run() {
  std::vector<Connection> connections;
  while (true) {
    std::vector<pollfd> ready = {{.fd = wake_[0], .events = POLLIN, .revents = 0},
                                 {.fd = listening_, .events = POLLIN, .revents = 0}};
    for (const auto& connection : connections) {
      ready.push_back({.fd = connection.socket, .events = POLLIN, .revents = 0});
    }
    ::poll(ready.data(), ready.size(), -1);
    if (ready[0].revents != 0) break;
    for (size_t i = 0; i < connections.size(); ++i) {
      if (ready[i + 2].revents == 0 || read(connections[i])) continue;
      ::close(connections[i].socket);
      connections[i].socket = -1;
    }
    std::erase_if(connections, [](const auto& connection) { return connection.socket < 0; });
    if (ready[1].revents == 0) continue;
    const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    const int one = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (socket >= 0) connections.push_back({.socket = socket});
  }
  for (const auto& connection : connections) ::close(connection.socket);
}

/// False at the end.
bool UpgradingOrigin::read(Connection& connection) {
  char buffer[65536];
  const ssize_t count = ::recv(connection.socket, buffer, sizeof buffer, 0);
  if (count <= 0) return false;
  connection.input.append(buffer, static_cast<size_t>(count));
  size_t end = 0;
  while (!connection.is_tunnel && (end = connection.input.find("\r\n\r\n")) != std::string::npos) {
    const std::string head = connection.input.substr(0, end);
    connection.input.erase(0, end + 4);
    connection.is_tunnel = head.find("Upgrade: websocket") != std::string::npos;
    send_all(connection.socket, connection.is_tunnel ? kSwitch : kPlain);
  }
  if (connection.is_tunnel) send_all(connection.socket, std::exchange(connection.input, {}));
  return true;
}

Tunnel::Tunnel(int port) : socket_(port) {
  std::string input;
  socket_.send(kAsk);
  if (!receive_up_to(socket_, input, "\r\n\r\n", 10s).starts_with("HTTP/1.1 101 ")) {
    throw std::runtime_error("the tunnel did not begin");
  }
}

bool Tunnel::echoes(milliseconds bound) {
  const std::string word = std::to_string(next_++) + "\n";
  std::string input;
  return socket_.send(word) && receive_up_to(socket_, input, "\n", bound) == word && input.empty();
}

std::string tunnels_to(const UpgradingOrigin& echo, const std::string& more) {
  return "[[route]]\npath = \"/tunnel\"\npool = \"echo\"\n[[route]]\npool = \"shop\"\n[pool.echo]\nhealth = "
         "false\n" +
         more + "backends = [\"" + echo.address() + "\"]\n";
}

}  // namespace sluice::e2e
