#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::e2e {

using Clock = std::chrono::steady_clock;

std::string get_request(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: test.example\r\n\r\n";
}

std::string post_request(const std::string& path, const std::string& body) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: test.example\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), input_(std::move(other.input_)) {}

RawClient& RawClient::operator=(RawClient&& other) noexcept {
  close();
  socket_ = std::exchange(other.socket_, -1);
  input_ = std::move(other.input_);
  return *this;
}

bool RawClient::connect(int port) {
  close();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void RawClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  input_.clear();
}

bool RawClient::send(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<size_t>(count);
  }
  return true;
}

/// Reads once; false with the reason when nothing more comes.
bool RawClient::fill(Clock::time_point end, std::string& error) {
  const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
  pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
  if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) {
    error = "timed out";
    return false;
  }
  char buffer[65536];
  const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
  if (count > 0) {
    input_.append(buffer, static_cast<size_t>(count));
    return true;
  }
  error = count == 0 ? "closed" : std::strerror(errno);
  return false;
}

std::string RawClient::receive_all(milliseconds bound, size_t most) {
  std::string error;
  const auto end = Clock::now() + bound;
  while (input_.size() < most && fill(end, error)) {
  }
  return std::exchange(input_, {});
}

Response RawClient::receive(bool to_head, milliseconds bound) {
  Response response;
  const auto end = Clock::now() + bound;
  size_t head_end = 0;
  while ((head_end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(end, response.error)) return response;
  }
  response.head = input_.substr(0, head_end + 4);
  input_.erase(0, head_end + 4);
  if (!response.head.starts_with("HTTP/1.1 ")) {
    response.error = "no response: " + response.head;
    return response;
  }
  response.status = std::stoi(response.head.substr(9, 3));
  if (response.status < 200) return response;
  std::string lower = response.head;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (to_head || response.status == 204 || response.status == 304) return response;
  if (const auto at = lower.find("content-length: "); at != std::string::npos) {
    const size_t length = std::stoull(lower.substr(at + 16));
    while (input_.size() < length) {
      if (!fill(end, response.error)) return response;
    }
    response.body = input_.substr(0, length);
    input_.erase(0, length);
    return response;
  }
  if (lower.find("transfer-encoding: chunked") == std::string::npos) {
    while (fill(end, response.error)) {
    }
    if (response.error == "closed") response.error.clear();
    response.body = std::exchange(input_, {});
    return response;
  }
  while (true) {
    size_t line_end = 0;
    while ((line_end = input_.find("\r\n")) == std::string::npos) {
      if (!fill(end, response.error)) return response;
    }
    const size_t size = std::stoull(input_.substr(0, line_end), nullptr, 16);
    while (input_.size() < line_end + 2 + size + 2) {
      if (!fill(end, response.error)) return response;
    }
    response.body += input_.substr(line_end + 2, size);
    input_.erase(0, line_end + 2 + size + 2);
    if (size == 0) return response;
  }
}

Response RawClient::get(const std::string& path) {
  if (!send(get_request(path))) return {.error = "send failed"};
  return receive();
}

Response RawClient::post(const std::string& path, const std::string& body) {
  if (!send(post_request(path, body))) return {.error = "send failed"};
  return receive();
}

bool RawClient::is_open() const {
  char byte = 0;
  const ssize_t count = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

LoopingClient::LoopingClient(int port, int threads, std::string request)
    : port_(port), request_(std::move(request)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

void LoopingClient::stop() {
  stopping_ = true;
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void LoopingClient::loop() {
  RawClient client(port_);
  while (!stopping_) {
    const auto begin = Clock::now();
    Response response;
    if (client.send(request_)) {
      response = client.receive();
    } else {
      response.error = "send failed";
    }
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - begin).count();
    if (took > worst_ms_) worst_ms_ = took;
    if (response.ok()) {
      ++ok_;
      if (!says_close(response)) continue;
      ++told_to_close_;
      client.connect(port_);
      continue;
    }
    if (failed_++ == 0) first_failure_ = response.error + " " + response.head;
    client.connect(port_);
  }
}

bool says_close(const Response& response) {
  return response.head.find("Connection: close") != std::string::npos;
}

size_t count_alive(std::vector<RawClient>& clients) {
  return static_cast<size_t>(std::ranges::count_if(clients, [](RawClient& client) {
    const auto response = client.get("/hello");
    return response.ok() && !says_close(response);
  }));
}

std::vector<RawClient> connect_many(int port, size_t count) {
  std::vector<RawClient> clients(count);
  for (auto& client : clients) client.connect(port);
  return clients;
}

}  // namespace sluice::e2e
