#include "lifecycle/logs.h"

#include <sluice/base/text.h>

#include <utility>

namespace sluice::lifecycle {

Result<Logs::Next> Logs::prepare(const config::Server& settings) const {
  Next next{.settings = settings, .access = access_};
  if (!settings_ || settings_->access_log != settings.access_log) {
    auto opened = open_access_log(settings.access_log);
    if (!opened) return std::move(opened).error();
    next.access = *std::move(opened);
  }
  if (writer_ == nullptr || !settings_ || settings_->log == settings.log) return next;
  auto change = observe::LogWriter::prepare(settings.log.level, settings.log.format, settings.log.path);
  if (!change) return in_config(std::move(change).error(), "log");
  next.log = *std::move(change);
  return next;
}

bool Logs::use(Next next) {
  settings_ = std::move(next.settings);
  if (next.log) writer_->use(*std::move(next.log));
  const bool is_other = next.access != access_;
  access_ = std::move(next.access);
  return is_other;
}

void Logs::reopen() const {
  if (access_) access_->reopen();
}

Result<Logs::Sink> Logs::open_access_log(const std::optional<config::AccessLog>& wanted) const {
  if (!wanted) return Sink();
  const bool is_json = wanted->format == config::AccessLogFormat::json;
  auto opened = observe::AccessSink::open(
      wanted->path, is_json ? observe::AccessFormat::json : observe::AccessFormat::combined);
  if (opened) return *std::move(opened);
  return in_config(std::move(opened).error(), "access_log");
}

Error Logs::in_config(Error error, std::string_view key) const {
  error.code = ErrorCode::invalid_config;
  error.message = concat({config_path_, ": server.", key, ": ", error.message});
  return error;
}

}  // namespace sluice::lifecycle
