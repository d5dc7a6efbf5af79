#include "lifecycle/next_file.h"

#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/config/share.h>

#include <algorithm>
#include <utility>

namespace sluice::lifecycle {
namespace {

constexpr size_t kMostLogged = 20;

/// What this version cannot change while it runs.
Result<void> check_fixed(const config::Server& now, const config::Server& next) {
  const auto fixed = [](std::string_view key) {
    return Error{.code = ErrorCode::invalid_config,
                 .message = concat(
                     {"server.", key, " cannot change by reload in this version: restart to change it"})};
  };
  if (next.workers != now.workers) return fixed("workers");
  if (next.admin_socket != now.admin_socket) return fixed("admin_socket");
  if (next.state_file != now.state_file) return fixed("state_file");
  if (next.log != now.log) return fixed("log");
  return {};
}

}  // namespace

Result<config::Config> load_next(const std::string& path, const config::Config& current) {
  auto loaded = config::load(path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return config::as_error(*problems);
  auto& next = std::get<config::Config>(loaded);
  if (auto fixed = check_fixed(current.server, next.server); !fixed) return std::move(fixed).error();
  config::share_unchanged(next, current);
  return std::move(next);
}

Result<std::shared_ptr<observe::AccessSink>> open_access_log(const std::optional<config::AccessLog>& wanted,
                                                             const std::string& config_path) {
  if (!wanted) return std::shared_ptr<observe::AccessSink>();
  const bool is_json = wanted->format == config::AccessLogFormat::json;
  auto opened = observe::AccessSink::open(
      wanted->path, is_json ? observe::AccessFormat::json : observe::AccessFormat::combined);
  if (opened) return *std::move(opened);
  Error error = std::move(opened).error();
  error.code = ErrorCode::invalid_config;
  error.message = concat({config_path, ": server.access_log: ", error.message});
  return error;
}

void tell_differences(const std::vector<std::string>& differences, Log& log) {
  for (size_t i = 0; i < std::min(differences.size(), kMostLogged); ++i) {
    log.info("reload changed" + field("what", differences[i]));
  }
  if (differences.size() <= kMostLogged) return;
  log.info("reload changed more" + field("lines", static_cast<long long>(differences.size() - kMostLogged)));
}

}  // namespace sluice::lifecycle
