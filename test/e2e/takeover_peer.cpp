#include "takeover_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace sluice::e2e {
namespace {

constexpr size_t kMost = 253;

sockaddr_un local(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

uint32_t number_at(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return ntohl(number);
}

}  // namespace

Descriptors& Descriptors::operator=(Descriptors&& other) noexcept {
  std::swap(numbers_, other.numbers_);
  return *this;
}

Descriptors::~Descriptors() {
  for (const int number : numbers_) ::close(number);
}

Descriptors Descriptors::take(size_t count) {
  Descriptors taken;
  const auto end = numbers_.begin() + static_cast<std::ptrdiff_t>(std::min(count, numbers_.size()));
  taken.numbers_.assign(numbers_.begin(), end);
  numbers_.erase(numbers_.begin(), end);
  return taken;
}

int listen_on(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = local(path);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket, 16) != 0) {
    throw std::runtime_error("cannot listen on " + path);
  }
  return socket;
}

int listen_on_any_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket, 1024) != 0) {
    throw std::runtime_error("cannot listen");
  }
  return socket;
}

int port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

TakeoverPeer::TakeoverPeer(const std::string& admin_socket, const std::string& line)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_un address = local(admin_socket);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("no process listens on " + admin_socket);
  }
  if (!line.empty()) send_bytes(line);
}

TakeoverPeer::TakeoverPeer(int accepted) : socket_(accepted) {
  const std::string line = "takeover\n";
  while (input_.size() < line.size() && fill(10s)) {
  }
  if (!input_.starts_with(line)) throw std::runtime_error("the new process said: " + input_);
  input_.erase(0, line.size());
}

bool TakeoverPeer::send_bytes(const std::string& bytes) const {
  return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string TakeoverPeer::framed(const std::string& text, size_t descriptors) {
  std::array<uint32_t, 2> header = {htonl(static_cast<uint32_t>(text.size())),
                                    htonl(static_cast<uint32_t>(descriptors))};
  return std::string(reinterpret_cast<const char*>(header.data()), sizeof header) + text;
}

json::Value TakeoverPeer::hello(int newest, int oldest) {
  return {{"message", "hello"},
          {"newest", newest},
          {"oldest", oldest},
          {"sluice", "a test"},
          {"process", static_cast<int>(::getpid())}};
}

json::Value TakeoverPeer::ready() {
  return {{"message", "ready"}, {"listeners", {"127.0.0.1:0"}}, {"admin", true}};
}

json::Value TakeoverPeer::ready(int room, bool probation) {
  auto message = ready();
  message["room"] = room;
  if (probation) message["probation"] = true;
  return message;
}

json::Value TakeoverPeer::no_room() {
  json::Value refused = json::Value::array();
  refused.push_back(0);
  return {{"message", "taken"}, {"refused", refused}, {"room", 0}};
}

bool TakeoverPeer::say(const json::Value& message, const std::vector<int>& descriptors) const {
  return pass_on(framed(message.dump(), descriptors.size()), descriptors);
}

bool TakeoverPeer::pass_on(std::string bytes, const std::vector<int>& descriptors) const {
  if (descriptors.empty()) return send_bytes(bytes);
  iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  return ::sendmsg(socket_, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

bool TakeoverPeer::fill(milliseconds bound) {
  if (ended_) return false;
  pollfd entry{.fd = socket_, .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, static_cast<int>(bound.count())) != 1) return false;
  std::array<char, 65536> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMost * sizeof(int))> control;
  iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(socket_, &header, MSG_CMSG_CLOEXEC);
  ended_ = count <= 0;
  if (ended_) return false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    std::vector<int> came((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(came.data(), CMSG_DATA(part), came.size() * sizeof(int));
    for (const int number : came) descriptors_.add(number);
  }
  input_.append(bytes.data(), static_cast<size_t>(count));
  return true;
}

std::optional<TakeoverPeer::Frame> TakeoverPeer::next_frame(milliseconds bound) {
  const auto is_whole = [this] { return input_.size() >= 8 && input_.size() >= 8 + number_at(input_, 0); };
  while (!is_whole()) {
    if (!fill(bound)) return std::nullopt;
  }
  Frame frame{.bytes = input_.substr(0, 8 + number_at(input_, 0)),
              .message = {},
              .descriptors = number_at(input_, 4)};
  input_.erase(0, frame.bytes.size());
  const std::string text = frame.bytes.substr(8);
  frame.message = json::Value::parse(text.substr(0, text.find('\n'))).value_or(nullptr);
  return frame;
}

std::optional<json::Value> TakeoverPeer::hear(milliseconds bound) {
  auto frame = next_frame(bound);
  if (!frame) return std::nullopt;
  return std::move(frame->message);
}

std::optional<json::Value> TakeoverPeer::hear_until(const std::string& kind) {
  while (auto message = hear()) {
    if ((*message)["message"] == kind) return message;
  }
  return std::nullopt;
}

bool TakeoverPeer::is_over(milliseconds bound) {
  while (fill(bound)) {
  }
  return ended_;
}

void TakeoverPeer::end(int how) const {
  if (socket_ >= 0) ::shutdown(socket_, how);
}

void TakeoverPeer::hang_up() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace sluice::e2e
