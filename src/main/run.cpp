#include "main/run.h"

#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/descriptors.h>
#include <sluice/net/signals.h>
#include <sluice/observe/log_writer.h>

#include <csignal>
#include <cstdio>
#include <utility>

namespace sluice {
namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message.c_str());
  return exit_code(error.code);
}

int fail(const config::Problems& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  return exit_code(ErrorCode::invalid_config);
}

void reload(lifecycle::Server& server, Log& log) {
  const auto change = server.reload(lifecycle::Server::AdminChanges::keep);
  if (change) return;
  log.error("reload refused, the running configuration goes on" + field("cause", change.error().message));
}

/// A client connection takes a descriptor, and another towards the backend while it is busy.
void raise_descriptor_limit(Log& log, uint64_t max_connections) {
  const size_t limit = net::raise_descriptor_limit();
  if (limit >= max_connections) return;
  log.warning(
      "the limit of open files is below server.max_connections: clients beyond it wait to be accepted; raise "
      "it (ulimit -n, LimitNOFILE=) or lower max_connections" +
      field("limit", static_cast<long long>(limit)) +
      field("max_connections", static_cast<long long>(max_connections)));
}

}  // namespace

int run(const std::string& config_path) {
  auto loaded = config::load(config_path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return fail(*problems);
  auto& config = std::get<config::Config>(loaded);

  net::Signals::ignore_broken_pipes();
  std::signal(SIGXFSZ, SIG_IGN);  // A limit on the size of files is an error of a write, too.
  auto log =
      observe::LogWriter::open(config.server.log.level, config.server.log.format, config.server.log.path);
  if (!log) return fail(log.error());
  raise_descriptor_limit(**log, config.server.max_connections);
  net::Loop loop;
  auto admin = admin::AdminServer::open(loop, **log, config.server.admin_socket);
  if (!admin) return fail(admin.error());

  lifecycle::Server server(loop, **log, config_path, [&loop] { loop.stop(); });
  if (auto started = server.start(std::move(config)); !started) return fail(started.error());
  (*admin)->serve(server, config_path);

  net::Signals signals(loop);
  signals.on(SIGHUP, [&] { reload(server, **log); });
  signals.on(SIGUSR1, [&] {
    (*log)->reopen();
    server.reopen_logs();
  });
  for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) signals.on(stop, [&] { server.stop(); });
  (*log)->info("sluice started" + field("version", SLUICE_VERSION) + field("config", config_path));
  loop.run();
  return 0;
}

int check(const std::string& config_path) {
  const auto loaded = config::load(config_path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return fail(*problems);
  const auto& config = std::get<config::Config>(loaded);
  std::printf("%s: valid\n", config_path.c_str());
  for (const auto& listener : config.listeners) std::printf("listen on %s\n", listener.bind.text().c_str());
  for (const auto& route : config.routes) {
    const std::string host = route.host.empty() ? "any host" : route.host;
    std::printf("route %s %s to pool %s\n", host.c_str(), route.path.c_str(), route.pool.c_str());
  }
  if (!config.server.state_file.empty()) {
    std::printf("admin changes are kept in %s\n", config.server.state_file.c_str());
  }
  for (const auto& [name, pool] : config.pools) {
    std::printf("pool %s with %zu backends\n", name.c_str(), pool->backends.size());
  }
  return 0;
}

}  // namespace sluice
