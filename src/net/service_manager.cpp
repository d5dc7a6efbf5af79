#include <sluice/base/text.h>
#include <sluice/net/service_manager.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "net/passed_descriptors.h"

namespace sluice::net {
namespace {

constexpr int kFirstGiven = 3;
constexpr uint64_t kMostGiven = 65536;
constexpr size_t kLongestName = 255;
constexpr size_t kMostWaiting = 1000;  // messages
constexpr std::string_view kAlive = "WATCHDOG=1";
constexpr std::string_view kKeep = "FDSTORE=1\nFDNAME=";

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// The variable names this process.
bool is_for_us(const char* name) {
  return parse_unsigned(variable(name)) == static_cast<uint64_t>(::getpid());
}

std::vector<ServiceManager::Given> read_given() {
  std::vector<ServiceManager::Given> given;
  const auto count = parse_unsigned(variable("LISTEN_FDS"));
  if (!is_for_us("LISTEN_PID") || !count || *count > kMostGiven) return given;
  std::string_view names = variable("LISTEN_FDNAMES");
  for (int i = 0; i < static_cast<int>(*count); ++i) {
    const int number = kFirstGiven + i;
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
    const auto end = std::min(names.find(':'), names.size());
    given.push_back({std::string(names.substr(0, end)), Descriptor(number)});
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return given;
}

}  // namespace

/// Messages on their way to the manager, in their order.
struct ServiceManager::Outbox {
  struct Message {
    std::string lines;
    std::vector<Descriptor> descriptors;
  };

  explicit Outbox(std::string_view path) {
    if (path.size() < 2 || path.size() > sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // An abstract one.
    address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }

  /// False when the manager's queue is full. Any other failure is no reason to try again.
  bool send(std::string_view lines, const std::vector<int>& descriptors) {
    const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open() || address_size == 0) return true;
    iovec piece{.iov_base = const_cast<char*>(lines.data()), .iov_len = lines.size()};
    ControlBuffer control;
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = address_size;
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    attach_descriptors(header, control, descriptors);
    return ::sendmsg(socket.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
  }

  bool send_waiting() {
    while (!waiting.empty()) {
      std::vector<int> descriptors;
      for (const auto& each : waiting.front().descriptors) descriptors.push_back(each.get());
      if (!send(waiting.front().lines, descriptors)) return false;
      waiting.pop_front();
    }
    return true;
  }

  void wait(std::string_view lines, const std::vector<int>& descriptors) {
    if (lines == kAlive) return;  // It says something of now alone, and the next is not far.
    Message message{.lines = std::string(lines), .descriptors = {}};
    for (const int each : descriptors) {
      if (auto copy = Descriptor::duplicate_of(each)) message.descriptors.push_back(*std::move(copy));
    }
    if (waiting.size() >= kMostWaiting) waiting.pop_front();
    waiting.push_back(std::move(message));
    if (on_waiting) on_waiting();
  }

  sockaddr_un address{};
  socklen_t address_size = 0;
  std::deque<Message> waiting;
  std::function<void()> on_waiting;
};

ServiceManager::ServiceManager() = default;
ServiceManager::ServiceManager(ServiceManager&& other) noexcept = default;
ServiceManager::~ServiceManager() = default;

ServiceManager ServiceManager::from_environment(Role role) {
  ServiceManager manager;
  manager.outbox_ = std::make_unique<Outbox>(variable("NOTIFY_SOCKET"));
  const bool is_watched =
      role == Role::successor || variable("WATCHDOG_PID").empty() || is_for_us("WATCHDOG_PID");
  const auto microseconds = parse_unsigned(variable("WATCHDOG_USEC"));
  if (is_watched && microseconds && *microseconds >= 1000 && *microseconds < uint64_t{1} << 50) {
    manager.watchdog_ = Duration(static_cast<Duration::rep>(*microseconds / 1000));
  }
  manager.given_ = read_given();
  for (const char* used : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(used);
  return manager;
}

void ServiceManager::tell(std::string_view lines, const std::vector<int>& descriptors) const {
  if (!outbox_) return;
  if (outbox_->send_waiting() && outbox_->send(lines, descriptors)) return;
  outbox_->wait(lines, descriptors);
}

void ServiceManager::on_waiting(std::function<void()> callback) {
  if (outbox_) outbox_->on_waiting = std::move(callback);
}

bool ServiceManager::send_waiting() const {
  return !outbox_ || outbox_->send_waiting();
}

void ServiceManager::keep(std::string_view name, const std::vector<int>& descriptors) const {
  const std::string lines = concat({kKeep, name});
  for (size_t begin = 0; begin < descriptors.size(); begin += kMostDescriptorsInMessage) {
    const size_t end = std::min(descriptors.size(), begin + kMostDescriptorsInMessage);
    tell(lines, {descriptors.begin() + static_cast<ptrdiff_t>(begin),
                 descriptors.begin() + static_cast<ptrdiff_t>(end)});
  }
}

/// Copies that still wait go, too: they would keep a socket open that is to close.
void ServiceManager::forget(std::string_view name) const {
  if (!outbox_) return;
  std::erase_if(outbox_->waiting, [lines = concat({kKeep, name})](const Outbox::Message& message) {
    return message.lines == lines;
  });
  tell(concat({"FDSTOREREMOVE=1\nFDNAME=", name}));
}

std::string descriptor_name(std::string_view text) {
  std::string name(text.substr(0, kLongestName));
  for (char& c : name) {
    if (c <= ' ' || c > '~' || c == ':') c = '_';
  }
  return name;
}

}  // namespace sluice::net
