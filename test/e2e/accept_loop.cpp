#include "accept_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "takeover_peer.h"

namespace sluice::e2e {
namespace {

constexpr int kTurnMs = 5;  // so that a hold or a stop is soon seen

}  // namespace

Served::~Served() {
  ::close(socket_);
}

AcceptLoop::AcceptLoop(Accept accept)
    : accept_(std::move(accept)),
      listening_(listen_on_any_port()),
      port_(port_of(listening_)),
      thread_([this] { run(); }) {}

AcceptLoop::~AcceptLoop() {
  stopping_ = true;
  thread_.join();
  ::close(listening_);
}

std::string AcceptLoop::pool(const std::string& more) const {
  return "[pool.shop]\nbackends = [\"" + address() + "\"]\nhealth = false\n" + more;
}

void AcceptLoop::run() {
  std::vector<std::unique_ptr<Served>> connections;
  while (!stopping_) {
    std::vector<pollfd> wanted = {{.fd = listening_, .events = POLLIN, .revents = 0}};
    for (const auto& connection : connections) {
      const int number = connection->is_held() ? -1 : connection->socket();
      wanted.push_back({.fd = number, .events = connection->wanted(), .revents = 0});
    }
    ::poll(wanted.data(), wanted.size(), kTurnMs);
    for (size_t i = 1; i < wanted.size(); ++i) {
      if (wanted[i].fd >= 0) connections[i - 1]->serve(wanted[i].revents);
    }
    std::erase_if(connections, [](const auto& connection) { return connection->is_over(); });
    if ((wanted[0].revents & POLLIN) == 0) continue;
    const int accepted = ::accept(listening_, nullptr, nullptr);
    if (accepted >= 0) connections.push_back(accept_(accepted));
  }
}

}  // namespace sluice::e2e
