// The demo application as a program of its own, for conf/demo and the end-to-end tests.
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/demo/demo_app.h>
#include <sluice/net/signals.h>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

constexpr const char* kUsage =
    "usage: demo-app [--bind ADDRESS] [--port N] [--delay TIME] [--linger TIME] [--idle TIME] [--version "
    "TAG] "
    "[--log FILE]\n";

/// Takes one `--option value`; false when it is none.
bool take(sluice::demo::DemoAppOptions& options, std::string_view name, const char* value) {
  using sluice::config::parse_duration;
  if (name == "--version") {
    options.version = value;
  } else if (name == "--log") {
    options.log_path = value;
  } else if (name == "--bind") {
    const auto address = sluice::Address::parse(value);
    if (!address) return false;
    options.bind = *address;
  } else if (name == "--port") {
    const auto port = sluice::parse_unsigned(value);
    if (!port || *port > 65535) return false;
    options.bind = options.bind.with_port(static_cast<uint16_t>(*port));
  } else {
    const auto duration = parse_duration(value);
    if (!duration) return false;
    if (name == "--delay") return options.delay = *duration, true;
    if (name == "--linger") return options.linger = *duration, true;
    if (name == "--idle") return options.idle = *duration, true;
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  sluice::demo::DemoAppOptions options;
  options.bind = *sluice::Address::parse("127.0.0.1:0");
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc || !take(options, argv[i], argv[i + 1])) {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  sluice::net::Signals::ignore_broken_pipes();
  sluice::net::Loop loop;
  auto app = sluice::demo::DemoApp::start(loop, options);
  if (!app) {
    std::fprintf(stderr, "demo-app: %s\n", app.error().message.c_str());
    return 1;
  }
  sluice::net::Signals signals(loop);
  const auto shutdown = [&] { (*app)->shutdown([&] { loop.stop(); }); };
  signals.on(SIGTERM, shutdown);
  signals.on(SIGINT, shutdown);
  std::printf("listening on %s\n", (*app)->address().text().c_str());
  std::fflush(stdout);
  loop.run();
  return 0;
}
