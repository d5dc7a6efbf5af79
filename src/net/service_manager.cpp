#include <sluice/base/text.h>
#include <sluice/net/service_manager.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "net/passed_descriptors.h"

namespace sluice::net {
namespace {

constexpr int kFirstGiven = 3;
constexpr uint64_t kMostGiven = 65536;
constexpr size_t kLongestName = 255;

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

ServiceManager ServiceManager::from_environment(Role role) {
  ServiceManager manager;
  manager.socket_ = variable("NOTIFY_SOCKET");
  const bool is_watched = role == Role::heir || variable("WATCHDOG_PID").empty() || is_for_us("WATCHDOG_PID");
  const auto microseconds = parse_unsigned(variable("WATCHDOG_USEC"));
  if (is_watched && microseconds && *microseconds >= 1000 && *microseconds < uint64_t{1} << 50) {
    manager.watchdog_ = Duration(static_cast<Duration::rep>(*microseconds / 1000));
  }
  manager.given_ = read_given();
  for (const char* used : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(used);
  return manager;
}

void ServiceManager::tell(std::string_view lines, const std::vector<int>& descriptors) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() < 2 || socket_.size() > sizeof address.sun_path) return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // An abstract one.
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return;
  const timeval bound{.tv_sec = 1, .tv_usec = 0};  // Whatever ails it, this process goes on.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
  iovec piece{.iov_base = const_cast<char*>(lines.data()), .iov_len = lines.size()};
  ControlBuffer control;
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  attach_descriptors(header, control, descriptors);
  static_cast<void>(::sendmsg(socket.get(), &header, MSG_NOSIGNAL));
}

void ServiceManager::keep(std::string_view name, const std::vector<int>& descriptors) const {
  const std::string lines = concat({"FDSTORE=1\nFDNAME=", name});
  for (size_t begin = 0; begin < descriptors.size(); begin += kMostDescriptorsInMessage) {
    const size_t end = std::min(descriptors.size(), begin + kMostDescriptorsInMessage);
    tell(lines, {descriptors.begin() + static_cast<ptrdiff_t>(begin),
                 descriptors.begin() + static_cast<ptrdiff_t>(end)});
  }
}

void ServiceManager::forget(std::string_view name) const {
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
