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
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  auto owned = std::make_unique<OutputFile>(*std::move(file));
  return std::unique_ptr<LogWriter>(new LogWriter(level, format, path, std::move(owned), most_lines));
}

LogWriter::LogWriter(LogLevel level, LogFormat format, std::string path, std::unique_ptr<OutputFile> file,
                     size_t most_lines)
    : level_(level),
      format_(format),
      path_(std::move(path)),
      most_lines_(most_lines),
      file_(std::move(file)),
      thread_([this] { run(); }) {}

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
    changed_.wait(lock, [this] { return ending_ || waiting_.reopen || !waiting_.lines.empty(); });
    const bool is_last = ending_;
    const Batch batch = std::exchange(waiting_, {});
    lock.unlock();
    write_batch(batch);
    if (is_last) return;
    lock.lock();
  }
}

void LogWriter::write_batch(const Batch& batch) {
  std::string text;
  for (const Line& line : batch.lines) append_log_line(text, format_, line.time, line.level, line.text);
  if (batch.dropped > 0) {
    append(text, LogLevel::warning,
           "log lines dropped" + field("count", static_cast<long long>(batch.dropped)));
  }
  file_->write(text);
  if (batch.reopen) open_anew();
}

void LogWriter::open_anew() {
  auto file = OutputFile::open(path_);
  if (!file) {
    std::string text;
    append(text, LogLevel::error,
           concat({"log not reopened", field("path", path_), field("cause", file.error().message)}));
    file_->write(text);
    return;
  }
  *file_ = *std::move(file);
}

void LogWriter::append(std::string& out, LogLevel level, std::string_view line) const {
  append_log_line(out, format_, wall_time(), level, line);
}

}  // namespace sluice::observe
