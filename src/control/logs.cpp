#include "control/logs.h"

#include <sluice/base/text.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice::control {
namespace {

constexpr std::chrono::seconds kLogPatience{5};  // at the end, with files that take nothing
constexpr Duration kBetweenReports{60'000};

}  // namespace

uint64_t LossReport::due(uint64_t lost, TimePoint now) {
  if (lost == reported_ || (at_ && now - *at_ < kBetweenReports)) return 0;
  at_ = now;
  return lost - std::exchange(reported_, lost);
}

Logs::~Logs() {
  if (access_) former_.push_back(std::move(access_));
  const auto until = std::chrono::steady_clock::now() + kLogPatience;
  for (const Sink& sink : former_) sink->finish(until);
}

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
  if (is_other && access_) former_.push_back(std::move(access_));
  access_ = std::move(next.access);
  release_former();
  return is_other;
}

void Logs::release_former() {
  std::erase_if(former_, [this](const Sink& sink) {
    if (sink.use_count() > 1 || !sink->is_idle()) return false;
    ended_.lines += sink->losses().lines();
    if (sink->losses().lines() > 0) ended_.cause = sink->losses().cause();
    return true;
  });
}

void Logs::reopen() const {
  if (access_) access_->reopen();
}

LogLosses Logs::access_losses() const {
  LogLosses all = ended_;
  const auto add = [&all](const Sink& sink) {
    if (!sink || sink->losses().lines() == 0) return;
    all.lines += sink->losses().lines();
    all.cause = sink->losses().cause();
  };
  std::ranges::for_each(former_, add);
  add(access_);
  return all;
}

LogLosses Logs::log_losses() const {
  if (writer_ == nullptr) return {};
  return {.lines = writer_->losses().lines(), .cause = writer_->losses().cause()};
}

void Logs::report_losses(Log& log, TimePoint now) {
  release_former();
  const bool is_log_broken = writer_ != nullptr && writer_->losses().is_failing();
  const auto line = [](std::string_view what, const std::string& path, uint64_t count, const LogLosses& all) {
    return concat({what, field("count", static_cast<long long>(count)),
                   field("in_all", static_cast<long long>(all.lines)), field("path", path),
                   field("cause", all.cause)});
  };
  const auto access = access_losses();
  if (const uint64_t count = access_report_.due(access.lines, now); count > 0) {
    const auto path = settings_ && settings_->access_log ? settings_->access_log->path : std::string();
    const auto text = line("access log lines lost", path, count, access);
    log.warning(text);
    if (is_log_broken) observe::say_on_stderr(text);
  }
  const auto own = log_losses();
  if (const uint64_t count = log_report_.due(own.lines, now); count > 0) {
    const auto path = settings_ ? settings_->log.path : std::string();
    if (path != "stderr") observe::say_on_stderr(line("log lines lost", path, count, own));
  }
}

Result<Logs::Sink> Logs::open_access_log(const std::optional<config::AccessLog>& wanted) const {
  if (!wanted) return Sink();
  const auto format = [&] {
    using From = config::AccessLogFormat;
    if (wanted->format == From::json) return observe::AccessFormat::json;
    return wanted->format == From::host ? observe::AccessFormat::host : observe::AccessFormat::combined;
  };
  auto opened = observe::AccessSink::open(wanted->path, format());
  if (opened) return *std::move(opened);
  return in_config(std::move(opened).error(), "access_log");
}

Error Logs::in_config(Error error, std::string_view key) const {
  error.code = ErrorCode::invalid_config;
  error.message = concat({config_path_, ": server.", key, ": ", error.message});
  return error;
}

}  // namespace sluice::control
