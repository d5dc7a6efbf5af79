#include "admin/socket_file.h"

#include <sluice/base/text.h>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace sluice::admin {
namespace {

constexpr mode_t kDirectory = 0755;
constexpr size_t kLongestEntry = size_t{1} << 20;

/// By name, else by number.
Result<gid_t> group_of(const std::string& name) {
  std::vector<char> buffer(4096);
  group entry{};
  group* found = nullptr;
  int failure = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  while (failure == ERANGE && buffer.size() < kLongestEntry) {
    buffer.resize(buffer.size() * 2);
    failure = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  if (found != nullptr) return found->gr_gid;
  const auto number = parse_unsigned(name);
  if (number && *number < UINT32_MAX) return static_cast<gid_t>(*number);
  return Error{.code = ErrorCode::invalid_config,
               .message = concat({"server.admin_socket_group: no group \"", name, "\" on this system"})};
}

}  // namespace

Result<SocketAccess> SocketAccess::of(const config::Server& settings) {
  SocketAccess access{.mode = settings.admin_socket_mode};
  if (settings.admin_socket_group.empty()) return access;
  const auto group = group_of(settings.admin_socket_group);
  if (!group) return group.error();
  access.group = *group;
  return access;
}

Result<void> make_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const std::string directory = path.substr(0, slash);
  if (::access(directory.c_str(), F_OK) == 0) return {};
  if (::mkdir(directory.c_str(), kDirectory) == 0) {
    ::chmod(directory.c_str(), kDirectory);  // Whatever the umask is: others may be let in to the socket.
    return {};
  }
  if (errno == EEXIST) return {};
  Error error = system_error(
      errno, concat({"admin socket: there is no directory ", directory, ", and it cannot be made"}));
  error.message +=
      concat({"; make it, owned by this user, or name another place in the configuration, as "
              "[server] admin_socket = \"/tmp/sluice-",
              std::to_string(::geteuid()), ".sock\", and give it to commands (-s PATH or SLUICE_SOCKET)"});
  return error;
}

Result<void> give_access(const std::string& path, const SocketAccess& access) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return system_error(errno, concat({"admin socket ", path}));
  if (!S_ISSOCK(file.st_mode)) return {};
  const gid_t group = access.group.value_or(::getegid());
  if (file.st_gid != group && ::lchown(path.c_str(), static_cast<uid_t>(-1), group) != 0) {
    Error error =
        system_error(errno, concat({"cannot give the admin socket to group ", std::to_string(group)}));
    error.message += "; only root, or a member of server.admin_socket_group, can";
    return error;
  }
  if ((file.st_mode & 07777) != access.mode && ::chmod(path.c_str(), access.mode) != 0) {
    return system_error(errno, "cannot set server.admin_socket_mode");
  }
  return {};
}

}  // namespace sluice::admin
