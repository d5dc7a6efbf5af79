// Where the process logs, and how that changes with its configuration.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/observe/access_log.h>
#include <sluice/observe/log_writer.h>

#include <memory>
#include <optional>
#include <string>

namespace sluice::lifecycle {

/// Control's.
class Logs {
 public:
  using Sink = std::shared_ptr<observe::AccessSink>;

  /// `config_path` is what errors name.
  explicit Logs(std::string config_path) : config_path_(std::move(config_path)) {}

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

 private:
  Result<Sink> open_access_log(const std::optional<config::AccessLog>& wanted) const;
  Error in_config(Error error, std::string_view key) const;

  std::string config_path_;
  observe::LogWriter* writer_ = nullptr;
  std::optional<config::Server> settings_;
  Sink access_;
};

}  // namespace sluice::lifecycle
