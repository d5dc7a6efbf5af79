#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <utility>

#include <fcntl.h>
#include <sluice/base/text.h>
#include <sluice/observe/log_writer.h>
#include <unistd.h>

namespace sluice::observe {
namespace {

std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 40> text;
  const size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", static_cast<int>(millis % 1000));
  return text.data();
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      std::array<char, 8> escaped;
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(byte));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out += '"';
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nowhere to tell it.
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogLevel level, LogFormat format, const std::string& path,
                                                   size_t most_lines) {
  int descriptor = STDERR_FILENO;
  if (path != "stderr") descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return system_error(errno, concat({"cannot open the log ", path}));
  return std::unique_ptr<LogWriter>(new LogWriter(level, format, descriptor, most_lines));
}

LogWriter::LogWriter(LogLevel level, LogFormat format, int descriptor, size_t most_lines)
    : level_(level), format_(format), descriptor_(descriptor), most_lines_(most_lines), thread_([this] {
        run();
      }) {}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (descriptor_ != STDERR_FILENO) ::close(descriptor_);
}

std::string LogWriter::format(LogLevel level, std::string_view line) const {
  if (format_ == LogFormat::text) return concat({timestamp(), " ", name(level), " ", line, "\n"});
  return concat({"{\"time\":\"", timestamp(), "\",\"level\":\"", name(level),
                 "\",\"message\":", json_string(line), "}\n"});
}

void LogWriter::write(LogLevel level, std::string_view line) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  std::string text = format(level, line);
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= most_lines_) {
      ++dropped_;
      return;
    }
    lines_.push_back(std::move(text));
  }
  changed_.notify_one();
}

void LogWriter::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // Signals are control's.
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !lines_.empty(); });
    if (lines_.empty()) return;
    const std::vector<std::string> batch = std::exchange(lines_, {});
    const uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    std::string text;
    for (const auto& line : batch) text += line;
    if (dropped > 0)
      text +=
          format(LogLevel::warning, "log lines dropped" + field("count", static_cast<long long>(dropped)));
    write_all(descriptor_, text);
    lock.lock();
  }
}

}  // namespace sluice::observe
