// The whole file: its parts in turn, then the checks that no single part can make.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <tuple>

#include "config/file.h"
#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr uint64_t kLongestFile = uint64_t{16} << 20;

void check_whole(const Reader& root, Config& config, Report& report) {
  // A part that is there but broken has reported its own problem already.
  if (!root.has_any("listener")) {
    report.add("no [[listener]]: expected at least one, such as bind = \"0.0.0.0:8080\"");
  }
  if (!root.has_any("pool") && !root.has_any("route") && root.has("pool")) {
    report.add(root.place_of("pool"), "pool",
               "a pool has a name: expected [pool.NAME], such as [pool.app] with backends = "
               "[\"127.0.0.1:9001\"]");
  } else if (!root.has_any("pool") && !root.has_any("route")) {
    report.add(
        "no [pool.NAME]: expected at least one, such as [pool.app] with backends = [\"127.0.0.1:9001\"]");
  }
  if (root.has_any("route") || config.pools.empty()) return;
  if (config.pools.size() == 1) {
    config.routes.push_back({.pool = config.pools.begin()->first});
  } else {
    report.add("several pools and no [[route]]: expected routes that say which requests go to which pool");
  }
}

}  // namespace

std::variant<Config, Problems> parse(std::string_view toml, std::string_view file_name,
                                     const Checks& checks) {
  const auto document = parse_document(toml, file_name);
  if (const auto* problem = std::get_if<Problem>(&document)) return Problems{*problem};
  Report report{.file = std::string(file_name), .checks = checks};
  Config config;
  Reader root(*std::get_if<Value>(&document), "", report);
  parse_server(root, config.server);
  parse_listeners(root, config.listeners);
  parse_pools(root, config);
  parse_routes(root, config);
  parse_limits(root, config.limits);
  parse_timeouts(root, config.timeouts);
  parse_resolver(root, config.resolver);
  parse_forwarding(root, config.forwarding);
  parse_proxy_status(root, config.proxy_status);
  parse_recent_requests(root, config.recent_requests);
  parse_errors(root, config);
  root.finish();
  check_whole(root, config, report);
  if (report.problems.empty()) return config;
  std::ranges::stable_sort(report.problems, {},
                           [](const Problem& problem) { return std::tuple(problem.line, problem.column); });
  return report.problems;
}

std::variant<Config, Problems> load(const std::string& path, const Checks& checks, FileKind kind) {
  const auto text =
      kind == FileKind::any ? read_file(path, kLongestFile) : read_regular_file(path, kLongestFile);
  if (text) return parse(*text, path, checks);
  return Problems{{.file = path, .message = concat({"cannot read it: ", text.error().message})}};
}

}  // namespace sluice::config
