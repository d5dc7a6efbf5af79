#include "main/run.h"

#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/lifecycle/handover.h>
#include <sluice/lifecycle/load_config.h>
#include <sluice/lifecycle/probation.h>
#include <sluice/lifecycle/server.h>
#include <sluice/lifecycle/takeover.h>
#include <sluice/lifecycle/watchdog.h>
#include <sluice/net/descriptors.h>
#include <sluice/net/service_manager.h>
#include <sluice/net/signals.h>
#include <sluice/observe/events.h>
#include <sluice/observe/log_writer.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace sluice {
namespace {

constexpr Duration kLastWords{200};

int fail(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message.c_str());
  return exit_code(error.code);
}

int fail(const config::Problems& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  return exit_code(ErrorCode::invalid_config);
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

/// This very program, even once another file has its name.
std::string own_binary() {
  std::error_code failure;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", failure);
  return failure ? "sluice" : path.string();
}

/// A process that waits for this one is told, too.
int fail(const Error& error, const TakeoverWish& wish) {
  if (!wish.socket.empty()) lifecycle::Takeover::decline(wish.socket, error);
  return fail(error);
}

/// The process in its parts, in the order in which they come to life.
class Running {
 public:
  Running(std::string config_path, const config::Config& config, observe::LogWriter& log,
          net::ServiceManager manager)
      : config_path_(std::move(config_path)),
        admin_path_(config.server.admin_socket),
        writer_(log),
        manager_(std::move(manager)),
        server_(loop_, log_, config_path_, [this] { finish(); }),
        handover_(loop_, log_, server_, handover_settings()),
        watchdog_(loop_, server_, manager_) {}

  Result<void> start(config::Config config, const TakeoverWish& wish) {
    if (auto asked = ask(wish, config.server.takeover_timeout); !asked) return asked;
    auto started = takeover_ ? start_as_heir(std::move(config)) : start_anew(std::move(config));
    if (!started && takeover_) takeover_->decline(started.error());
    return started;
  }

  /// The first to be served is who asks on the admin socket: from here on this is the process.
  int run() {
    watch_signals();
    if (takeover_) {
      if (auto taken = takeover_->complete(server_); !taken) return leave(taken.error());
    }
    if (takeover_ && takeover_->stands_by()) {
      probation_.emplace(loop_, log_, server_, *takeover_, [this] { be_main(); });
    }
    serve();
    if (probation_) takeover_->on_stops([this](unsigned times) { told_to_stop(0, times); });
    log_.info("sluice started" + field("version", SLUICE_VERSION) + field("config", config_path_) +
              field("pid", ::getpid()));
    // The main one is who stands by, as long as it may be the one again.
    if (!probation_) be_main();
    watchdog_.start();
    run_to_the_end();
    return 0;
  }

 private:
  lifecycle::HandoverSettings handover_settings() {
    return {.command = {own_binary(), "run", "-c", config_path_, "--takeover=" + admin_path_},
            .admin_path = admin_path_,
            .admin = [this] { return admin_->copy_socket(); },
            .on_handed_over = [this](int new_process,
                                     bool same_socket) { on_handed_over(new_process, same_socket); },
            .on_stand_by = [this] { admin_->stand_by(); },
            .on_back =
                [this] {
                  reopen_logs();  // The other process may have been told alone.
                  serve();
                },
            .on_not_back = [this](const Error& why) { probation_->not_back(why); }};
  }

  void reopen_logs() {
    writer_.reopen();
    server_.reopen_logs();
  }

  void serve() { admin_->serve(server_, config_path_, &handover_, probation_ ? &*probation_ : nullptr); }

  void be_main() { manager_.tell(concat({"READY=1\nMAINPID=", std::to_string(::getpid())})); }

  void on_handed_over(int new_process, bool same_socket) {
    watchdog_.stop();
    if (new_process > 0) manager_.tell(concat({"MAINPID=", std::to_string(new_process)}));
    if (probation_) probation_->handed_back(new_process);
    admin_->hand_over(same_socket);
  }

  Result<void> ask(const TakeoverWish& wish, Duration bound) {
    using From = TakeoverWish::From;
    if (wish.from == From::nobody) return {};
    const std::string& socket = wish.from == From::this_one ? wish.socket : admin_path_;
    auto asked = lifecycle::Takeover::ask(loop_, log_, socket, bound);
    if (asked) {
      takeover_ = *std::move(asked);
      return {};
    }
    if (wish.from == From::this_one || asked.error().code != ErrorCode::unreachable) {
      return std::move(asked).error();
    }
    log_.info("nobody to take over from" + field("admin_socket", socket));
    return {};
  }

  lifecycle::Origin origin(lifecycle::Estate* estate) {
    return {.estate = estate, .manager = &manager_, .log = &writer_, .events = &log_};
  }

  Result<void> start_anew(config::Config config) {
    auto admin = admin::AdminServer::open(loop_, log_, admin_path_);
    if (!admin) return std::move(admin).error();
    admin_ = *std::move(admin);
    return server_.start(std::move(config), origin(nullptr));
  }

  Result<void> start_as_heir(config::Config config) {
    auto socket = takeover_->take_admin_socket(admin_path_);
    if (!socket) return std::move(socket).error();
    if (*socket) {
      admin_ = admin::AdminServer::adopt(loop_, log_, **std::move(socket));
    } else {
      auto admin = admin::AdminServer::open(loop_, log_, admin_path_);
      if (!admin) return std::move(admin).error();
      admin_ = *std::move(admin);
    }
    return server_.start(std::move(config), origin(&takeover_->estate()));
  }

  void watch_signals() {
    on_signal(SIGHUP, [this] { server_.reload_on_signal(); });
    signals_.on(SIGUSR1, [this] {
      handover_.pass_on(SIGUSR1);
      reopen_logs();  // Also while it stands by: it goes on writing.
    });
    on_signal(SIGUSR2, [this] { handover_.upgrade_on_signal(); });
    for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) on_signal(stop, [this] { told_to_stop(1, 0); });
  }

  /// By signals of its own, and by those of the process that stands by. Both have it when it is for a group
  /// of processes, as from a terminal: that is one stop.
  void told_to_stop(unsigned own_more, unsigned passed_on) {
    own_stops_ += own_more;
    for (const unsigned wanted = std::max(own_stops_, passed_on); stops_ < wanted; ++stops_) server_.stop();
  }

  /// While this process stands by they are for the new one.
  void on_signal(int number, std::function<void()> act) {
    signals_.on(number, [this, number, act = std::move(act)] {
      if (!handover_.pass_on(number)) act();
    });
  }

  /// The other process goes on.
  int leave(const Error& error) {
    log_.error("takeover failed, the other process goes on" + field("cause", error.message));
    server_.hand_back();
    run_to_the_end();
    return exit_code(error.code);
  }

  void run_to_the_end() {
    if (!finished_) loop_.run();
  }

  /// Whose command comes too late on the admin socket is told so.
  void finish() {
    last_words_ = server_.when([this] { return !admin_->is_to_hear(); }, kLastWords, [this](bool) { end(); });
  }

  void end() {
    finished_ = true;
    if (probation_) probation_->stop();
    handover_.say_goodbye();
    loop_.stop();
  }

  std::string config_path_;
  std::string admin_path_;
  observe::LogWriter& writer_;
  net::ServiceManager manager_;
  net::Loop loop_;
  observe::Events log_{writer_, loop_.deadlines()};
  std::unique_ptr<admin::AdminServer> admin_;
  lifecycle::Server server_;
  lifecycle::Handover handover_;
  lifecycle::Watchdog watchdog_;
  std::unique_ptr<lifecycle::Takeover> takeover_;
  std::optional<lifecycle::Probation> probation_;
  net::Signals signals_{loop_};
  Wait last_words_;
  unsigned own_stops_ = 0;
  unsigned stops_ = 0;  // that have been done
  bool finished_ = false;
};

}  // namespace

int run(const std::string& config_path, const TakeoverWish& wish) {
  net::Signals::ignore_broken_pipes();
  std::signal(SIGXFSZ, SIG_IGN);  // A limit on the size of files is an error of a write, too.
  auto loaded = lifecycle::load_config(config_path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) {
    if (!wish.socket.empty()) lifecycle::Takeover::decline(wish.socket, config::as_error(*problems));
    return fail(*problems);
  }
  auto& config = std::get<config::Config>(loaded);
  auto log =
      observe::LogWriter::open(config.server.log.level, config.server.log.format, config.server.log.path);
  if (!log) return fail(log.error(), wish);
  raise_descriptor_limit(**log, config.server.max_connections);
  using Role = net::ServiceManager::Role;
  const bool is_heir = wish.from != TakeoverWish::From::nobody;
  Running running(config_path, config, **log,
                  net::ServiceManager::from_environment(is_heir ? Role::heir : Role::first));
  if (auto started = running.start(std::move(config), wish); !started) return fail(started.error());
  return running.run();
}

int check(const std::string& config_path) {
  const auto loaded = lifecycle::load_config(config_path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return fail(*problems);
  const auto& config = std::get<config::Config>(loaded);
  std::printf("%s: valid\n", config_path.c_str());
  for (const auto& listener : config.listeners) std::printf("listen on %s\n", listener.bind.text().c_str());
  for (const auto& route : config.routes) {
    const std::string host = route.host.empty() ? "any host" : route.host;
    std::printf("route %s %s to pool %s\n", host.c_str(), route.path.c_str(),
                config::shares_text(config::shares(route)).c_str());
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
