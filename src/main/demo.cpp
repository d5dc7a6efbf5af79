// `sluice demo`: see it work before configuring anything.
#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/control/server.h>
#include <sluice/demo/demo_app.h>
#include <sluice/net/signals.h>
#include <sluice/observe/events.h>
#include <sluice/observe/log_writer.h>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>
#include <vector>

#include "main/run.h"

namespace sluice {
namespace {

constexpr int kInstances = 3;
const char* const kDemoFile = "demo";

using Apps = std::vector<std::unique_ptr<demo::DemoApp>>;

Result<Apps> start_apps(net::Loop& loop) {
  Apps apps;
  for (int i = 0; i < kInstances; ++i) {
    demo::DemoAppOptions options;
    options.bind = *Address::parse("127.0.0.1:0");
    options.delay = Duration{20};
    options.version = "instance-" + std::to_string(i + 1);
    auto app = demo::DemoApp::start(loop, std::move(options));
    if (!app) return std::move(app).error();
    apps.push_back(*std::move(app));
  }
  return apps;
}

std::string demo_config(const Apps& apps, const std::string& admin_socket) {
  std::string backends;
  for (const auto& app : apps)
    backends += concat({backends.empty() ? "\"" : ", \"", app->address().text(), "\""});
  return concat({"[server]\nadmin_socket = \"", admin_socket,
                 "\"\n[[listener]]\nbind = \"127.0.0.1:0\"\n[pool.demo]\nbackends = [", backends, "]\n"});
}

void print_welcome(const control::Server& server, const Apps& apps, const std::string& socket) {
  const std::string proxy = server.listeners().front().address.text();
  std::printf("Sluice demo: the proxy is on http://%s/hello, its admin socket is %s\n\n", proxy.c_str(),
              socket.c_str());
  for (const auto& app : apps) std::printf("  instance on %s\n", app->address().text().c_str());
  std::printf(
      "\nTry, in another terminal:\n"
      "  curl -i http://%s/hello\n"
      "  sluice -s %s status\n"
      "  sluice -s %s backend list\n"
      "  sluice -s %s backend drain demo %s --wait 5s\n"
      "  ab -c 100 -n 10000 http://%s/hello\n"
      "\nCtrl-C ends it.\n",
      proxy.c_str(), socket.c_str(), socket.c_str(), socket.c_str(), apps.front()->address().text().c_str(),
      proxy.c_str());
  std::fflush(stdout);
}

}  // namespace

int run_demo() {
  net::Signals::ignore_broken_pipes();
  auto writer = observe::LogWriter::open(LogLevel::info, LogFormat::text, "stderr");
  if (!writer) return fail(writer.error());
  net::Loop loop;
  observe::Events log(**writer, loop.deadlines());
  auto apps = start_apps(loop);
  if (!apps) return fail(apps.error());
  const std::string socket = concat({"/tmp/sluice-demo-", std::to_string(getpid()), ".sock"});
  auto parsed = config::parse(demo_config(*apps, socket), kDemoFile);
  if (const auto* problems = std::get_if<config::Problems>(&parsed)) return fail(config::as_error(*problems));
  auto config = std::get<config::Config>(std::move(parsed));
  auto admin = admin::AdminServer::open(loop, log, config.server);
  if (!admin) return fail(admin.error());
  control::Server server(loop, log, kDemoFile, [&loop] { loop.stop(); });
  auto started = server.start(std::move(config), {.log = writer->get(), .events = &log});
  if (!started) return fail(started.error());
  (*admin)->serve(server, kDemoFile);
  net::Signals signals(loop);
  for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) signals.on(stop, [&] { server.stop(); });
  print_welcome(server, *apps, socket);
  loop.run();
  return 0;
}

}  // namespace sluice
