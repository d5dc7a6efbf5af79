#include "control/next_file.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/config/share.h>
#include <sluice/control/load_config.h>

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

constexpr size_t kMostLogged = 20;

/// By these settings others find the process, or what it has written: a new process gets new ones.
Result<void> check_fixed(const config::Server& now, const config::Server& next) {
  const auto fixed = [](std::string_view key) {
    return Error{.code = ErrorCode::invalid_config,
                 .message = concat({"server.", key,
                                    " cannot change by reload: `sluice upgrade`, or a restart, changes it"})};
  };
  if (next.admin_socket != now.admin_socket) return fixed("admin_socket");
  if (next.admin_socket_mode != now.admin_socket_mode) return fixed("admin_socket_mode");
  if (next.admin_socket_group != now.admin_socket_group) return fixed("admin_socket_group");
  if (next.state_file != now.state_file) return fixed("state_file");
  return {};
}

}  // namespace

Result<config::Config> load_next(const std::string& path, const config::Config& current) {
  auto loaded = load_config(path, config::FileKind::regular);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return config::as_error(*problems);
  auto& next = std::get<config::Config>(loaded);
  if (auto fixed = check_fixed(current.server, next.server); !fixed) return std::move(fixed).error();
  config::share_unchanged(next, current);
  return std::move(next);
}

void log_differences(const std::vector<std::string>& differences, Log& log) {
  for (size_t i = 0; i < std::min(differences.size(), kMostLogged); ++i) {
    log.info("reload changed" + field("what", differences[i]));
  }
  if (differences.size() <= kMostLogged) return;
  log.info("reload changed more" + field("lines", static_cast<long long>(differences.size() - kMostLogged)));
}

}  // namespace sluice::control
