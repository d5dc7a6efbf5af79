#include "echo_origin.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace sluice::e2e {
namespace {

const std::string kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

}  // namespace

class EchoOrigin::Connection final : public Served {
 public:
  Connection(int accepted, EchoOrigin& origin) : Served(accepted), origin_(origin) {
    ::fcntl(accepted, F_SETFL, O_NONBLOCK);
  }

 private:
  bool is_held() const override { return origin_.held_; }
  short wanted() const override {
    const int reading = has_ended_ ? 0 : POLLIN;
    const int writing = output_.empty() ? 0 : POLLOUT;
    return static_cast<short>(reading | writing);
  }
  void serve(short events) override {
    if ((events & (POLLIN | POLLERR | POLLHUP)) != 0) read();
    write();
  }
  void read();
  void write();

  EchoOrigin& origin_;
  std::string head_;
  std::string output_;
  bool is_tunnel_ = false;
  bool has_ended_ = false;  // the other side's direction
};

EchoOrigin::EchoOrigin()
    : loop_([this](int accepted) { return std::make_unique<Connection>(accepted, *this); }) {}

void EchoOrigin::Connection::read() {
  char buffer[65536];
  const ssize_t count = ::recv(socket(), buffer, sizeof buffer, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count < 0) end();
  if (count <= 0) {
    has_ended_ = true;
    return;
  }
  const std::string bytes(buffer, static_cast<size_t>(count));
  if (is_tunnel_) {
    output_ += bytes;
    return;
  }
  head_ += bytes;
  const size_t head_end = head_.find("\r\n\r\n");
  if (head_end == std::string::npos) return;
  ++origin_.upgrades_;
  is_tunnel_ = true;
  output_ = kSwitching + head_.substr(head_end + 4);
}

void EchoOrigin::Connection::write() {
  if (is_over()) return;
  if (!output_.empty()) {
    const ssize_t count = ::send(socket(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (count > 0) output_.erase(0, static_cast<size_t>(count));
    if (count < 0 && errno != EAGAIN) end();
  }
  if (has_ended_ && output_.empty()) {
    ::shutdown(socket(), SHUT_WR);
    end();
  }
}

}  // namespace sluice::e2e
