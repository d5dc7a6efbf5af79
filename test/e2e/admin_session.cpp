#include "admin_session.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace sluice::e2e {

AdminSession::AdminSession(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval bound{.tv_sec = 30, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

void AdminSession::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void AdminSession::end() {
  shutdown(socket_, SHUT_WR);
}

bool AdminSession::send(const std::string& command) {
  const std::string line = command + "\n";
  return ::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
}

std::string AdminSession::ask(const std::string& command) {
  return send(command) ? hear() : "";
}

std::string AdminSession::hear() {
  while (true) {
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      if (line == "ok" || line.starts_with("ok ") || line.starts_with("error ")) return line;
    }
    char buffer[4096];
    const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return "";
    input_.append(buffer, static_cast<size_t>(size));
  }
}

}  // namespace sluice::e2e
