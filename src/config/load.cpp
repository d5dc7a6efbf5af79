#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/config/share.h>

#include "config/parse.h"

namespace sluice::config {
namespace {

/// What no single table can tell.
void check_whole(Config& config, Report& report) {
  if (config.listeners.empty() && report.problems.empty()) {
    report.add("no [[listener]]: expected at least one, such as bind = \"0.0.0.0:8080\"");
  }
  if (config.pools.empty() && report.problems.empty()) {
    report.add(
        "no [pool.NAME]: expected at least one, such as [pool.app] with backends = [\"127.0.0.1:9001\"]");
  }
  if (!config.routes.empty() || config.pools.empty()) return;
  if (config.pools.size() == 1) {
    config.routes.push_back({.pool = config.pools.begin()->first});
  } else {
    report.add("several pools and no [[route]]: expected routes that say which requests go to which pool");
  }
}

}  // namespace

std::variant<Config, Problems> parse(std::string_view toml, std::string_view file_name) {
  Report report{.file = std::string(file_name), .problems = {}};
  const toml::parse_result parsed = toml::parse(toml, file_name);
  if (!parsed) {
    const auto& error = parsed.error();
    report.add(error.source(), "", concat({"not valid TOML: ", error.description()}));
    return report.problems;
  }
  Config config;
  Reader root(parsed.table(), "", report);
  if (auto server = root.sub("server")) {
    parse_server(*std::move(server), config);
  } else {
    static const toml::table kNothing;
    parse_server(Reader(kNothing, "server", report), config);
  }
  parse_listeners(root.take("listener"), config, report);
  parse_pools(root.take("pool"), config, report);
  parse_routes(root.take("route"), config, report);
  if (auto limits = root.sub("limits")) parse_limits(*std::move(limits), config.limits);
  if (auto timeouts = root.sub("timeouts")) parse_timeouts(*std::move(timeouts), config.timeouts);
  root.finish();
  check_whole(config, report);
  if (report.problems.empty()) return config;
  std::ranges::stable_sort(report.problems, {},
                           [](const Problem& problem) { return std::pair(problem.line, problem.column); });
  return report.problems;
}

std::variant<Config, Problems> load(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) {
    return Problems{{.file = path, .message = concat({"cannot read it: ", std::strerror(errno)})}};
  }
  std::string text;
  char buffer[4096];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) text.append(buffer, size);
  if (std::ferror(file.get()) != 0) {
    return Problems{{.file = path, .message = concat({"cannot read it: ", std::strerror(errno)})}};
  }
  return parse(text, path);
}

std::string Problem::text() const {
  std::string where = file;
  if (line != 0) where += concat({":", std::to_string(line), ":", std::to_string(column)});
  return concat({where, ": ", key, key.empty() ? "" : ": ", message});
}

Error as_error(const Problems& problems) {
  std::string message;
  for (const Problem& problem : problems) message += concat({message.empty() ? "" : "\n", problem.text()});
  return {.code = ErrorCode::invalid_config, .message = std::move(message)};
}

void share_unchanged(Config& next, const Config& current) {
  for (auto& [name, pool] : next.pools) {
    const auto known = current.pools.find(name);
    if (known != current.pools.end() && *known->second == *pool) pool = known->second;
  }
}

}  // namespace sluice::config
