#include "main/run.h"

#include <sluice/admin/admin_server.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/control/load_config.h>
#include <sluice/control/server.h>
#include <sluice/control/watchdog.h>
#include <sluice/desired/durable_file.h>
#include <sluice/net/descriptors.h>
#include <sluice/net/service_manager.h>
#include <sluice/net/signals.h>
#include <sluice/observe/events.h>
#include <sluice/observe/log_writer.h>
#include <sluice/takeover/handover.h>
#include <sluice/takeover/probation.h>
#include <sluice/takeover/takeover.h>

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
constexpr Duration kBetweenNotifications{100};
constexpr Duration kLastNotifications{1000};

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

/// A process that waits for this one gets the error, too.
int fail(const Error& error, const TakeoverFrom& wish) {
  if (!wish.socket.empty()) takeover::Takeover::send_refused(wish.socket, error);
  return fail(error);
}

/// The process in its parts, in the order in which they come to life.
class Running {
 public:
  Running(std::string program, std::string config_path, const config::Config& config, observe::LogWriter& log,
          net::ServiceManager manager)
      : program_(std::move(program)),
        config_path_(std::move(config_path)),
        admin_path_(config.server.admin_socket),
        writer_(log),
        manager_(std::move(manager)),
        server_(loop_, log_, config_path_, [this] { finish(); }),
        notify_again_([this] {
          if (!manager_.send_waiting()) loop_.deadlines().arm(notify_again_, kBetweenNotifications);
        }),
        watchdog_(loop_, server_, manager_) {
    manager_.on_waiting([this] {
      if (!notify_again_.is_armed()) loop_.deadlines().arm(notify_again_, kBetweenNotifications);
    });
  }

  Result<void> start(config::Config config, const TakeoverFrom& wish) {
    if (auto asked = ask(wish, config.server.takeover_timeout); !asked) return asked;
    auto newest = takeover_ ? read_again(config) : Result<void>();
    if (takeover_ && takeover_->is_lost()) {
      log_.warning(
          "the running process has died in the middle of the takeover: this one starts from its file");
      if (!newest)
        log_.warning("the file is used as it was read before" + field("cause", newest.error().message));
      newest = {};
    }
    handover_.emplace(loop_, log_, server_, handover_settings());
    auto started = newest ? start_with_its_config(std::move(config)) : std::move(newest);
    if (!started && takeover_) takeover_->send_refused(started.error());
    if (started && takeover_ && takeover_->is_lost()) takeover_.reset();
    return started;
  }

  /// Clients on the admin socket are served first: from here on this is the active process.
  int run() {
    watch_signals();
    if (takeover_) {
      if (auto taken = takeover_->complete(loop_, server_); !taken) return leave(taken.error());
    }
    if (takeover_ && takeover_->stands_by()) {
      probation_.emplace(loop_, log_, server_, *takeover_, [this] { be_main(); });
    }
    serve();
    if (probation_) takeover_->on_stops([this](unsigned times) { told_to_stop(0, times); });
    log_.info("sluice started" + field("version", SLUICE_VERSION) + field("config", config_path_) +
              field("pid", ::getpid()));
    // The process on standby stays the main one, as long as it may be active again.
    if (!probation_) be_main();
    watchdog_.start();
    run_to_the_end();
    return 0;
  }

 private:
  takeover::HandoverSettings handover_settings() {
    return {.command = {program_, "run", "-c", config_path_, "--takeover=" + admin_path_},
            .admin_path = admin_path_,
            .admin = [this] { return admin_->copy_socket(); },
            .on_handed_over = [this](int new_process,
                                     bool same_socket) { on_handed_over(new_process, same_socket); },
            .on_stand_by = [this] { admin_->stand_by(); },
            .on_back =
                [this] {
                  reopen_logs();  // The other process alone may have got SIGUSR1.
                  serve();
                },
            .on_not_back = [this](const Error& why) { probation_->rollback_failed(why); }};
  }

  void reopen_logs() {
    writer_.reopen();
    server_.reopen_logs();
  }

  void serve() { admin_->serve(server_, config_path_, &*handover_, probation_ ? &*probation_ : nullptr); }

  void be_main() { manager_.tell(concat({"READY=1\nMAINPID=", std::to_string(::getpid())})); }

  void on_handed_over(int new_process, bool same_socket) {
    watchdog_.stop();
    if (new_process > 0) manager_.tell(concat({"MAINPID=", std::to_string(new_process)}));
    if (probation_) probation_->rolled_back(new_process);
    admin_->hand_over(same_socket);
  }

  Result<void> ask(const TakeoverFrom& wish, Duration bound) {
    using From = TakeoverFrom::From;
    if (wish.from == From::nobody) return {};
    const std::string& socket = wish.from == From::this_one ? wish.socket : admin_path_;
    auto channel = takeover::open_channel(loop_, socket);
    auto asked = channel ? takeover::Takeover::ask(loop_, log_, *std::move(channel), bound)
                         : Result<std::unique_ptr<takeover::Takeover>>(std::move(channel).error());
    if (asked) {
      takeover_ = *std::move(asked);
      return {};
    }
    const ErrorCode why = asked.error().code;
    const bool is_nobody_there =
        why == ErrorCode::reset || (why == ErrorCode::unreachable && wish.from == From::whoever_is_there);
    if (!is_nobody_there) return std::move(asked).error();
    log_.info("no process to take over from" + field("admin_socket", socket));
    return {};
  }

  /// The running process may have read the file again since this one did, and have answered `ok`. It changes
  /// nothing any more, so that what the file says now is at least as new. What is no file, as a pipe, can be
  /// read but once.
  Result<void> read_again(config::Config& config) {
    std::error_code failure;
    const auto status = std::filesystem::status(config_path_, failure);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return {};
    auto loaded = control::load_config(config_path_, config::FileKind::regular);
    if (const auto* problems = std::get_if<config::Problems>(&loaded)) return config::as_error(*problems);
    auto& next = std::get<config::Config>(loaded);
    if (next.server.log != config.server.log) {
      auto log =
          observe::LogWriter::prepare(next.server.log.level, next.server.log.format, next.server.log.path);
      if (!log) return std::move(log).error();
      writer_.use(*std::move(log));
    }
    if (next.server.max_connections != config.server.max_connections) {
      raise_descriptor_limit(log_, next.server.max_connections);
    }
    admin_path_ = next.server.admin_socket;
    config = std::move(next);
    return {};
  }

  Result<void> start_with_its_config(config::Config config) {
    return takeover_ && !takeover_->is_lost() ? start_as_successor(std::move(config))
                                              : start_anew(std::move(config));
  }

  control::StartOptions origin(control::HandoffState* handoff) {
    return {.handoff = handoff, .store = &store_, .manager = &manager_, .log = &writer_, .events = &log_};
  }

  Result<void> start_anew(config::Config config) {
    auto admin = admin::AdminServer::open(loop_, log_, config.server);
    if (!admin) return std::move(admin).error();
    admin_ = *std::move(admin);
    return server_.start(std::move(config), origin(takeover_ ? &takeover_->handoff_state() : nullptr));
  }

  Result<void> start_as_successor(config::Config config) {
    auto socket = takeover_->take_admin_socket(admin_path_);
    if (!socket) return std::move(socket).error();
    auto admin = *socket ? admin::AdminServer::adopt(loop_, log_, **std::move(socket), config.server)
                         : admin::AdminServer::open(loop_, log_, config.server);
    if (!admin) return std::move(admin).error();
    admin_ = *std::move(admin);
    return server_.start(std::move(config), origin(&takeover_->handoff_state()));
  }

  void watch_signals() {
    on_signal(SIGHUP, [this] { server_.reload_on_signal(); });
    signals_.on(SIGUSR1, [this] {
      handover_->forward_signal(SIGUSR1);
      reopen_logs();  // Also while it stands by: it goes on writing.
    });
    on_signal(SIGUSR2, [this] { handover_->upgrade_on_signal(); });
    for (const int stop : {SIGTERM, SIGINT, SIGQUIT}) on_signal(stop, [this] { told_to_stop(1, 0); });
  }

  /// By its own signals, and by those that the process on standby forwards. A signal to a process group, as
  /// from a terminal, reaches both: that is one stop.
  void told_to_stop(unsigned own_more, unsigned passed_on) {
    own_stops_ += own_more;
    for (const unsigned wanted = std::max(own_stops_, passed_on); stops_ < wanted; ++stops_) server_.stop();
  }

  /// While this process is on standby, signals go to its successor.
  void on_signal(int number, std::function<void()> act) {
    signals_.on(number, [this, number, act = std::move(act)] {
      if (!handover_->forward_signal(number)) act();
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

  /// Waits a while for clients on the admin socket: a command that comes too late is refused.
  void finish() {
    last_words_ = server_.when([this] { return !admin_->has_pending_clients(); }, kLastWords,
                               [this](bool) { notify_to_the_last(); });
  }

  /// A message that waits may be MAINPID, which the service manager learns in no other way.
  void notify_to_the_last() {
    last_words_ =
        server_.when([this] { return manager_.send_waiting(); }, kLastNotifications, [this](bool) { end(); });
  }

  void end() {
    finished_ = true;
    if (probation_) probation_->stop();
    handover_->send_final_totals();
    loop_.stop();
  }

  std::string program_;
  std::string config_path_;
  std::string admin_path_;
  observe::LogWriter& writer_;
  net::ServiceManager manager_;
  desired::DiskStore store_;
  net::Loop loop_;
  observe::Events log_{writer_, loop_.deadlines()};
  std::unique_ptr<admin::AdminServer> admin_;
  control::Server server_;
  Deadline notify_again_;                       // the service manager, which does not read
  std::optional<takeover::Handover> handover_;  // once it is known what the configuration is
  control::Watchdog watchdog_;
  std::unique_ptr<takeover::Takeover> takeover_;
  std::optional<takeover::Probation> probation_;
  net::Signals signals_{loop_};
  Wait last_words_;
  unsigned own_stops_ = 0;
  unsigned stops_ = 0;  // that have been done
  bool finished_ = false;
};

}  // namespace

int fail(const Error& error) {
  std::fprintf(stderr, "sluice: %s\n", error.message.c_str());
  return exit_code(error.code);
}

int run(const std::string& program, const std::string& config_path, const TakeoverFrom& wish) {
  net::Signals::ignore_broken_pipes();
  std::signal(SIGXFSZ, SIG_IGN);  // A limit on the size of files is an error of a write, too.
  // Another process waits for one that it has started itself.
  const bool is_awaited = wish.from == TakeoverFrom::From::this_one;
  auto loaded =
      control::load_config(config_path, is_awaited ? config::FileKind::regular : config::FileKind::any);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) {
    if (!wish.socket.empty()) takeover::Takeover::send_refused(wish.socket, config::as_error(*problems));
    return fail(*problems);
  }
  auto& config = std::get<config::Config>(loaded);
  auto log =
      observe::LogWriter::open(config.server.log.level, config.server.log.format, config.server.log.path);
  if (!log) return fail(log.error(), wish);
  raise_descriptor_limit(**log, config.server.max_connections);
  using Role = net::ServiceManager::Role;
  const bool is_successor = wish.from != TakeoverFrom::From::nobody;
  Running running(program, config_path, config, **log,
                  net::ServiceManager::from_environment(is_successor ? Role::successor : Role::first));
  if (auto started = running.start(std::move(config), wish); !started) return fail(started.error());
  return running.run();
}

namespace {

std::string target_text(const config::Route& route) {
  if (route.redirect) return concat({"redirected to ", route.redirect->to});
  if (route.respond) return concat({"answered with ", std::to_string(route.respond->status)});
  return concat({"to pool ", config::shares_text(config::shares(route))});
}

/// Addresses, and names that lead to any number of them.
std::string backends_text(const config::Pool& pool) {
  const auto named = [](const config::Backend& backend) { return !backend.name.empty(); };
  const auto addresses =
      pool.backends.size() - static_cast<size_t>(std::ranges::count_if(pool.backends, named));
  std::string text = counted(addresses, "backend");
  if (pool.names.empty()) return text;
  const std::string names = counted(pool.names.size(), "name");
  return addresses == 0 ? names : concat({text, " and ", names});
}

}  // namespace

int check(const std::string& config_path) {
  const auto loaded = control::load_config(config_path, config::FileKind::any);
  if (const auto* problems = std::get_if<config::Problems>(&loaded)) return fail(*problems);
  const auto& config = std::get<config::Config>(loaded);
  std::printf("%s: valid\n", config_path.c_str());
  for (const auto& listener : config.listeners) std::printf("listen on %s\n", listener.bind.text().c_str());
  for (const auto& route : config.routes) {
    const std::string host = route.host.empty() ? "any host" : route.host;
    std::printf("route %s %s %s\n", host.c_str(), route.path.c_str(), target_text(route).c_str());
  }
  if (!config.server.state_file.empty()) {
    std::printf("admin changes are kept in %s\n", config.server.state_file.c_str());
  }
  for (const auto& [name, pool] : config.pools) {
    std::printf("pool %s with %s, probe: %s\n", name.c_str(), backends_text(*pool).c_str(),
                config::probe_text(pool->health).c_str());
  }
  auto warnings = config::warnings(config);
  // No mistake of the file: it may be for another system than that which checks it.
  if (auto access = admin::AdminServer::check(config.server); !access) {
    warnings.push_back(access.error().message);
  }
  for (const auto& warning : warnings) {
    std::fprintf(stderr, "%s: warning: %s\n", config_path.c_str(), warning.c_str());
  }
  return 0;
}

}  // namespace sluice
