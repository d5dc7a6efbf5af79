// A name server for tests: UDP on a port of the kernel's choice, in a thread of its own. Only the standard
// library and sockets, since the end-to-end tests use it, too.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sluice::resolve {

class NameServer {
 public:
  struct Srv {
    int priority = 0;
    int weight = 0;
    int port = 0;
    std::string target{};
  };

  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, raw, length) != 0 || ::getsockname(socket_, raw, &length) != 0) {
      throw std::runtime_error("no socket for a name server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~NameServer() {
    stopping_ = true;
    thread_.join();
    ::close(socket_);
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// IPv4 and IPv6 addresses; none: the name exists, but has no address.
  void set(const std::string& name, const std::vector<std::string>& addresses, uint32_t lifetime = 1) {
    const std::lock_guard lock(mutex_);
    names_[name] = {.addresses = addresses, .lifetime = lifetime};
  }
  /// `name` is an alias of `target`, whose records come in the same answer.
  void set_alias(const std::string& name, const std::string& target, uint32_t lifetime) {
    const std::lock_guard lock(mutex_);
    names_[name] = {.lifetime = lifetime, .alias_of = target};
  }
  void set_srv(const std::string& name, const std::vector<Srv>& records, uint32_t lifetime = 1) {
    const std::lock_guard lock(mutex_);
    names_[name] = {.records = records, .lifetime = lifetime};
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.erase(name);
  }
  /// Hears questions and answers none.
  void set_silent(bool silent) { silent_ = silent; }
  /// Says that it failed.
  void set_failing(bool failing) { failing_ = failing; }
  /// The same for questions of this type alone; 0: of none.
  void set_failing_for(uint16_t type) { failing_for_ = type; }
  unsigned questions() const { return questions_; }

  static constexpr uint16_t kA = 1;
  static constexpr uint16_t kAaaa = 28;

 private:
  static constexpr uint16_t kCname = 5;
  static constexpr uint16_t kSoa = 6;
  static constexpr uint16_t kSrv = 33;
  static constexpr size_t kHeader = 12;

  struct Known {
    std::vector<std::string> addresses{};
    std::vector<Srv> records{};
    uint32_t lifetime = 1;
    std::string alias_of{};
  };

  void run() {
    while (!stopping_) {
      pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      char buffer[1500];
      sockaddr_in from{};
      socklen_t length = sizeof from;
      auto* peer = reinterpret_cast<sockaddr*>(&from);
      const auto size = ::recvfrom(socket_, buffer, sizeof buffer, 0, peer, &length);
      if (size < static_cast<ssize_t>(kHeader)) continue;
      ++questions_;
      if (silent_) continue;
      const std::string answer = answer_to(std::string(buffer, static_cast<size_t>(size)));
      static_cast<void>(::sendto(socket_, answer.data(), answer.size(), 0, peer, length));
    }
  }

  static void add(std::string& to, uint32_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) to += static_cast<char>(value >> (8 * i));
  }
  static std::string labels(const std::string& name) {
    std::string encoded;
    for (size_t begin = 0; begin < name.size();) {
      const size_t end = std::min(name.find('.', begin), name.size());
      add(encoded, static_cast<uint32_t>(end - begin), 1);
      encoded += name.substr(begin, end - begin);
      begin = end + 1;
    }
    return encoded + '\0';
  }

  std::string answer_to(const std::string& question) {
    std::string name;
    size_t at = kHeader;
    while (at < question.size() && question[at] != 0) {
      const auto length = static_cast<size_t>(static_cast<unsigned char>(question[at]));
      if (!name.empty()) name += '.';
      name += question.substr(at + 1, length);
      at += 1 + length;
    }
    const auto type = static_cast<uint16_t>(static_cast<unsigned char>(question.at(at + 1)) << 8 |
                                            static_cast<unsigned char>(question.at(at + 2)));
    const std::string asked = question.substr(kHeader, at + 5 - kHeader);
    const std::lock_guard lock(mutex_);
    const auto known = names_.find(name);
    std::string records;
    uint32_t count = 0;
    const bool fails = failing_ || failing_for_ == type;
    if (known != names_.end() && !fails) count = add_chain(records, type, name);
    const uint32_t code = fails ? 2 : known == names_.end() ? 3 : 0;
    // A start of authority, without which no resolver keeps it that there is no such name (RFC 2308 5).
    std::string authorities;
    if (code == 3) {
      std::string data = labels("ns.test") + labels("admin.test");
      for (const uint32_t number : {1U, 3600U, 600U, 86400U, 3600U}) add(data, number, 4);
      add_record(authorities, "test", kSoa, 3600, data);
    }
    std::string answer = question.substr(0, 2);
    add(answer, 0x8180 | code, 2);
    add(answer, 1, 2);
    add(answer, count, 2);
    add(answer, authorities.empty() ? 0 : 1, 2);
    add(answer, 0, 2);
    return answer + asked + records + authorities;
  }

  /// The aliases from `name` on, and the records of the last one.
  uint32_t add_chain(std::string& to, uint16_t type, std::string name) {
    uint32_t count = 0;
    auto known = names_.find(name);
    while (known != names_.end() && !known->second.alias_of.empty()) {
      add_record(to, name, kCname, known->second.lifetime, labels(known->second.alias_of));
      name = known->second.alias_of;
      known = names_.find(name);
      ++count;
    }
    return known == names_.end() ? count : count + add_records(to, name, type, known->second);
  }

  static void add_record(std::string& to, const std::string& name, uint16_t type, uint32_t lifetime,
                         const std::string& data) {
    to += labels(name);
    add(to, type, 2);
    add(to, 1, 2);
    add(to, lifetime, 4);
    add(to, static_cast<uint32_t>(data.size()), 2);
    to += data;
  }

  static uint32_t add_records(std::string& to, const std::string& name, uint16_t type, const Known& known) {
    uint32_t count = 0;
    for (const auto& address : known.addresses) {
      const bool is_ipv6 = address.find(':') != std::string::npos;
      if (type != (is_ipv6 ? kAaaa : kA)) continue;
      char bytes[16];
      if (::inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address.c_str(), bytes) != 1) continue;
      add_record(to, name, type, known.lifetime, std::string(bytes, is_ipv6 ? 16 : 4));
      ++count;
    }
    if (type != kSrv) return count;
    for (const auto& record : known.records) {
      std::string data;
      add(data, static_cast<uint32_t>(record.priority), 2);
      add(data, static_cast<uint32_t>(record.weight), 2);
      add(data, static_cast<uint32_t>(record.port), 2);
      add_record(to, name, type, known.lifetime, data + labels(record.target));
      ++count;
    }
    return count;
  }

  int socket_;
  int port_ = 0;
  std::mutex mutex_;
  std::map<std::string, Known> names_;
  std::atomic<bool> silent_{false};
  std::atomic<bool> failing_{false};
  std::atomic<uint16_t> failing_for_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<unsigned> questions_{0};
  std::thread thread_;
};

}  // namespace sluice::resolve
