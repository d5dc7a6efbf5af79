// The floor: relays bytes between clients and an origin with the four socket calls that no proxy can do
// without, and does nothing else. It reads no HTTP, so it is no proxy; it shows what the kernel alone costs.
// relay LISTEN_PORT ORIGIN_PORT, both on 127.0.0.1. One thread; one connection to the origin for each client.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int kEvents = 256;

std::vector<int> other;  // by descriptor: the connection that its bytes go to, -1 for none

sockaddr_in local(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* as_any(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int die(const char* what) {
  std::perror(what);
  return 1;
}

void watch(int epoll, int descriptor, int goes_to) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto index = static_cast<size_t>(descriptor);
  if (other.size() <= index) other.resize(index + 1, -1);
  other[index] = goes_to;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

void accept_one(int epoll, int listening, const sockaddr_in& origin) {
  const int client = accept(listening, nullptr, nullptr);
  if (client < 0) return;
  const int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (upstream < 0 || connect(upstream, as_any(origin), sizeof origin) != 0) {
    close(client);
    if (upstream >= 0) close(upstream);
    return;
  }
  watch(epoll, client, upstream);
  watch(epoll, upstream, client);
}

void move(int from) {
  static std::array<char, size_t{64} << 10> bytes;
  const int to = other[static_cast<size_t>(from)];
  if (to < 0) return;  // It went with its peer, earlier in this turn.
  const ssize_t count = recv(from, bytes.data(), bytes.size(), 0);
  // Sockets that block: what a client does not take holds up all, which a bench's clients do not do.
  if (count > 0 && send(to, bytes.data(), static_cast<size_t>(count), MSG_NOSIGNAL) == count) return;
  for (const int gone : {from, to}) {
    other[static_cast<size_t>(gone)] = -1;
    close(gone);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: relay LISTEN_PORT ORIGIN_PORT\n");
    return 2;
  }
  const sockaddr_in address = local(arguments[1]);
  const sockaddr_in origin = local(arguments[2]);
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening, as_any(address), sizeof address) != 0) return die("bind");
  if (listen(listening, 4096) != 0) return die("listen");
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listening, -1);
  std::array<epoll_event, kEvents> events;
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), kEvents, -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[static_cast<size_t>(i)].data.fd;
      if (descriptor == listening)
        accept_one(epoll, listening, origin);
      else
        move(descriptor);
    }
  }
}
