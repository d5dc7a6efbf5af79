#include <sluice/base/text.h>
#include <sluice/observe/log_writer.h>

#include <csignal>
#include <utility>

#include "observe/log_line.h"
#include "observe/output_file.h"

namespace sluice::observe {
namespace {

constexpr size_t kMostBytes = size_t{16} * 1024;  // of one line
constexpr std::string_view kCut = " ...";

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogLevel level, LogFormat format, const std::string& path,
                                                   size_t most_lines) {
  auto settings = prepare(level, format, path);
  if (!settings) return std::move(settings).error();
  return std::unique_ptr<LogWriter>(new LogWriter(*std::move(settings), most_lines));
}

LogWriter::LogWriter(Change settings, size_t most_lines)
    : level_(settings.level_),
      most_lines_(most_lines),
      settings_(std::move(settings)),
      thread_([this] { run(); }) {}

LogWriter::Change::Change(LogLevel level, LogFormat format, std::string path,
                          std::unique_ptr<OutputFile> file)
    : level_(level), format_(format), path_(std::move(path)), file_(std::move(file)) {}
LogWriter::Change::Change(Change&& other) noexcept = default;
LogWriter::Change& LogWriter::Change::operator=(Change&& other) noexcept = default;
LogWriter::Change::~Change() = default;

Result<LogWriter::Change> LogWriter::prepare(LogLevel level, LogFormat format, const std::string& path) {
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  return Change(level, format, path, std::make_unique<OutputFile>(*std::move(file)));
}

void LogWriter::use(Change change) {
  level_.store(change.level_, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    waiting_.changes.emplace_back(waiting_.lines.size(), std::move(change));
  }
  changed_.notify_one();
}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LogWriter::write(LogLevel level, std::string_view line) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  Line entry{.time = wall_time(), .level = level, .text = std::string(line.substr(0, kMostBytes))};
  if (line.size() > kMostBytes) entry.text += kCut;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.lines.size() >= most_lines_) {
      ++waiting_.dropped;
      return;
    }
    waiting_.lines.push_back(std::move(entry));
    if (waiting_.lines.size() > 1) return;  // The thread knows already.
  }
  changed_.notify_one();
}

void LogWriter::reopen() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.reopen = true;
  }
  changed_.notify_one();
}

// ---- on the thread

void LogWriter::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // Signals are control's.
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] {
      return ending_ || waiting_.reopen || !waiting_.changes.empty() || !waiting_.lines.empty();
    });
    const bool is_last = ending_;
    Batch batch = std::exchange(waiting_, {});
    lock.unlock();
    write_batch(batch);
    if (is_last) return;
    lock.lock();
  }
}

void LogWriter::write_batch(Batch& batch) {
  std::span<const Line> lines = batch.lines;
  size_t written = 0;
  for (auto& [before, change] : batch.changes) {
    write_lines(lines.subspan(written, before - written));
    written = before;
    settings_ = std::move(change);
  }
  write_lines(lines.subspan(written));
  if (batch.dropped > 0) {
    std::string text;
    append(text, LogLevel::warning,
           "log lines dropped" + field("count", static_cast<long long>(batch.dropped)));
    settings_.file_->write(text);
  }
  if (batch.reopen) open_anew();
}

void LogWriter::write_lines(std::span<const Line> lines) {
  std::string text;
  for (const Line& line : lines) append_log_line(text, settings_.format_, line.time, line.level, line.text);
  settings_.file_->write(text);
}

void LogWriter::open_anew() {
  auto file = OutputFile::open(settings_.path_);
  if (!file) {
    std::string text;
    append(
        text, LogLevel::error,
        concat({"log not reopened", field("path", settings_.path_), field("cause", file.error().message)}));
    settings_.file_->write(text);
    return;
  }
  *settings_.file_ = *std::move(file);
}

void LogWriter::append(std::string& out, LogLevel level, std::string_view line) const {
  append_log_line(out, settings_.format_, wall_time(), level, line);
}

}  // namespace sluice::observe
