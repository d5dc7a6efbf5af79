// Where the process logs, and how that changes with its configuration.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/control/log_losses.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/log_writer.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::control {

/// When losses are to be reported: at once, and while they go on once a minute. Pure.
class LossReport {
 public:
  /// How many of `lost` in all are to be reported now.
  uint64_t due(uint64_t lost, TimePoint now);

 private:
  uint64_t reported_ = 0;
  std::optional<TimePoint> at_;
};

/// Control's.
class Logs {
 public:
  using Sink = std::shared_ptr<observe::AccessSink>;

  /// `config_path` is what errors name.
  explicit Logs(std::string config_path) : config_path_(std::move(config_path)) {}
  /// Waits a moment until the access logs are written.
  ~Logs();
  Logs(const Logs&) = delete;
  Logs& operator=(const Logs&) = delete;

  /// The log itself, which has the settings of the first configuration; null: its settings never change.
  void set_writer(observe::LogWriter* writer) { writer_ = writer; }
  observe::LogWriter* writer() const { return writer_; }

  /// What another configuration wants of the logs, with everything done that can fail.
  struct Next {
    config::Server settings{};
    Sink access{};
    std::optional<observe::LogWriter::Change> log{};
  };
  Result<Next> prepare(const config::Server& settings) const;
  /// True when the access log is another one.
  bool use(Next next);

  /// Null: requests are not logged.
  const Sink& access() const { return access_; }
  void reopen() const;

  /// Of the access logs since the process began.
  LogLosses access_losses() const;
  /// Of the log itself.
  LogLosses log_losses() const;
  /// To be called every now and then: what was lost since is reported on `log`, or on standard error when it
  /// is the log itself that takes nothing; each once a minute.
  void report_losses(Log& log, TimePoint now);

 private:
  void release_former();
  Result<Sink> open_access_log(const std::optional<config::AccessLog>& wanted) const;
  Error in_config(Error error, std::string_view key) const;

  std::string config_path_;
  observe::LogWriter* writer_ = nullptr;
  std::optional<config::Server> settings_;
  Sink access_;
  // Control must not be the last owner of one that has still to write: it would wait for the file.
  std::vector<Sink> former_;
  LogLosses ended_;  // of access logs that are gone
  LossReport access_report_;
  LossReport log_report_;
};

}  // namespace sluice::control
