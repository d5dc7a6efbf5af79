#include <sluice/base/text.h>
#include <sluice/observe/log_writer.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "observe/log_line.h"

namespace sluice::observe {
namespace {

constexpr std::string_view kStandardError = "stderr";
constexpr size_t kMostBytes = size_t{16} * 1024;  // of one line
constexpr std::string_view kCut = " ...";

LogTime now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// The descriptor, or -1 with errno.
int open_path(const std::string& path) {
  if (path == kStandardError) return STDERR_FILENO;
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void write_all(int descriptor, std::string_view text) {
  constexpr int kPatienceMs = 1000;  // with whoever reads a pipe that was made non-blocking
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    pollfd writable{.fd = descriptor, .events = POLLOUT, .revents = 0};
    if (written < 0 && errno == EAGAIN && ::poll(&writable, 1, kPatienceMs) > 0) continue;
    return;  // There is nowhere to tell it.
  }
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogLevel level, LogFormat format, const std::string& path,
                                                   size_t most_lines) {
  const int descriptor = open_path(path);
  if (descriptor < 0) return system_error(errno, concat({"cannot open the log ", path}));
  return std::unique_ptr<LogWriter>(new LogWriter(level, format, path, descriptor, most_lines));
}

LogWriter::LogWriter(LogLevel level, LogFormat format, std::string path, int descriptor, size_t most_lines)
    : level_(level),
      format_(format),
      path_(std::move(path)),
      most_lines_(most_lines),
      descriptor_(descriptor),
      thread_([this] { run(); }) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (descriptor_ != STDERR_FILENO) ::close(descriptor_);
}

void LogWriter::write(LogLevel level, std::string_view line) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  Line entry{.time = now(), .level = level, .text = std::string(line.substr(0, kMostBytes))};
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
  write_all(descriptor_, text);
  if (batch.reopen) open_anew();
}

void LogWriter::open_anew() {
  const int descriptor = open_path(path_);
  if (descriptor < 0) {
    const Error error = system_error(errno, "cannot open it");
    std::string text;
    append(text, LogLevel::error,
           concat({"log not reopened", field("path", path_), field("cause", error.message)}));
    return write_all(descriptor_, text);
  }
  const int old = std::exchange(descriptor_, descriptor);
  if (old != STDERR_FILENO) ::close(old);
}

void LogWriter::append(std::string& out, LogLevel level, std::string_view line) const {
  append_log_line(out, format_, now(), level, line);
}

}  // namespace sluice::observe
