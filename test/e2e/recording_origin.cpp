#include "recording_origin.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "plain_socket.h"

namespace sluice::e2e {
namespace {

std::string plain_answer(const StrictRequest& request) {
  const std::string body = RecordingOrigin::body_for(request.target);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return request.method == "HEAD" ? head : head + body;
}

}  // namespace

RecordingOrigin::RecordingOrigin() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_, any, size) != 0 || ::listen(listening_, 128) != 0 || ::pipe(wake_) != 0 ||
      ::getsockname(listening_, any, &size) != 0) {
    throw std::runtime_error("the recording origin cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

RecordingOrigin::~RecordingOrigin() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listening_);
  for (const auto& connection : connections_) ::close(connection.socket);
}

std::string RecordingOrigin::pool(const std::string& more) const {
  return "[pool.shop]\nbackends = [\"" + address() +
         "\"]\nhealth = { interval = \"100ms\", timeout = \"1s\" }\n" + more;
}

std::string RecordingOrigin::body_for(std::string_view target) {
  return "this answers " + std::string(target) + "\n";
}

void RecordingOrigin::answer(const std::string& target, Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_[target] = std::move(answer);
}

size_t RecordingOrigin::push(const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  size_t pushed = 0;
  for (const auto& connection : connections_) {
    if (connection.is_probe) continue;
    send_all(connection.socket, bytes);
    ++pushed;
  }
  return pushed;
}

std::vector<StrictRequest> RecordingOrigin::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string RecordingOrigin::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::vector<std::string> RecordingOrigin::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

size_t RecordingOrigin::unfinished() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(connections_, [](const auto& c) { return !c.input.empty(); }));
}

size_t RecordingOrigin::connections() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::ranges::count_if(connections_, [](const auto& c) { return !c.is_probe; }));
}

void RecordingOrigin::forget() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  violations_.clear();
  bytes_.clear();
}

// ---- the thread

void RecordingOrigin::run() {
  while (true) {
    std::vector<pollfd> ready = {{.fd = wake_[0], .events = POLLIN, .revents = 0},
                                 {.fd = listening_, .events = POLLIN, .revents = 0}};
    // Only this thread changes the list: the lock is for those who look.
    for (const auto& connection : connections_)
      ready.push_back({.fd = connection.socket, .events = POLLIN, .revents = 0});
    ::poll(ready.data(), ready.size(), -1);
    if (ready[0].revents != 0) return;
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (ready[i + 2].revents != 0) read(connections_[i]);
    }
    std::erase_if(connections_, [](const auto& connection) { return connection.is_over; });
    if (ready[1].revents != 0) accept_one();
  }
}

void RecordingOrigin::accept_one() {
  const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
  if (socket < 0) return;
  const int one = 1;
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  connections_.push_back({.socket = socket});
}

void RecordingOrigin::read(Connection& connection) {
  char buffer[65536];
  const ssize_t count = ::recv(connection.socket, buffer, sizeof buffer, 0);
  if (count <= 0) return end(connection, Answer::Then::close);
  const std::string_view bytes(buffer, static_cast<size_t>(count));
  if (bytes.starts_with("GET /ping ") && connection.input.empty()) connection.is_probe = true;
  connection.input += bytes;
  if (!connection.is_probe) bytes_ += bytes;
  while (!connection.is_over && !connection.input.empty() && take_request(connection)) {
  }
}

/// Reads and answers one request, if there is a whole one.
bool RecordingOrigin::take_request(Connection& connection) {
  StrictRequest request = parse_request(connection.input);
  if (request.reading == Reading::incomplete) return false;
  if (request.reading == Reading::invalid || request.target.starts_with("http")) {
    violations_.push_back(request.why + " in: " + connection.input);
    end(connection, Answer::Then::close);
    return false;
  }
  connection.input.erase(0, request.size);
  const auto scripted = answers_.find(request.target);
  const Answer answer =
      scripted != answers_.end() ? scripted->second : Answer{.bytes = plain_answer(request)};
  if (!connection.is_probe) requests_.push_back(std::move(request));
  send_all(connection.socket, answer.bytes);
  if (answer.then != Answer::Then::keep) end(connection, answer.then);
  return true;
}

void RecordingOrigin::end(Connection& connection, Answer::Then how) {
  if (how == Answer::Then::reset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(connection.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  ::close(connection.socket);
  connection.is_over = true;
}

}  // namespace sluice::e2e
