// The file of the admin socket: its directory, and which users may connect.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <sys/types.h>

#include <optional>
#include <string>

namespace sluice::admin {

/// Which users may connect beside its owner: to connect takes the permission to write.
struct SocketAccess {
  mode_t mode = 0600;
  std::optional<gid_t> group{};  ///< nothing: the process's own

  /// An error of code invalid_config when there is no such group.
  static Result<SocketAccess> of(const config::Server& settings);
};

/// Makes the last component of the path's directory, mode 0755, when it is missing.
Result<void> make_directory_of(const std::string& path);

/// The group before the mode, so that the mode never lets in the wrong group.
Result<void> give_access(const std::string& path, const SocketAccess& access);

}  // namespace sluice::admin
