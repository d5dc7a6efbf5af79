// The whole file: its parts in turn, then what no single part can tell.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <tuple>

#include "config/parse.h"

namespace sluice::config {
namespace {

constexpr size_t kLongestFile = size_t{16} << 20;

void check_whole(const Reader& root, Config& config, Report& report) {
  // A part that is there but broken has told its own problem already.
  if (!root.has_any("listener")) {
    report.add("no [[listener]]: expected at least one, such as bind = \"0.0.0.0:8080\"");
  }
  if (!root.has_any("pool")) {
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

Problems unreadable(const std::string& path, std::string_view why) {
  return {{.file = path, .message = concat({"cannot read it: ", why})}};
}

}  // namespace

std::variant<Config, Problems> parse(std::string_view toml, std::string_view file_name) {
  const auto document = parse_document(toml, file_name);
  if (const auto* problem = std::get_if<Problem>(&document)) return Problems{*problem};
  Report report{.file = std::string(file_name)};
  Config config;
  Reader root(*std::get_if<Value>(&document), "", report);
  parse_server(root, config.server);
  parse_listeners(root, config.listeners);
  parse_pools(root, config);
  parse_routes(root, config);
  parse_limits(root, config.limits);
  parse_timeouts(root, config.timeouts);
  root.finish();
  check_whole(root, config, report);
  if (report.problems.empty()) return config;
  std::ranges::stable_sort(report.problems, {},
                           [](const Problem& problem) { return std::tuple(problem.line, problem.column); });
  return report.problems;
}

std::variant<Config, Problems> load(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return unreadable(path, std::strerror(errno));
  std::string text;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) {
    text.append(buffer, size);
    if (text.size() > kLongestFile) return unreadable(path, "it is longer than 16 MiB");
  }
  if (std::ferror(file.get()) != 0) return unreadable(path, std::strerror(errno));
  return parse(text, path);
}

}  // namespace sluice::config
