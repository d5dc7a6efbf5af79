// The log that writes: a thread of its own takes lines from a bounded backlog, so that no log line stalls a
// worker.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice::observe {

class OutputFile;

/// Any thread writes. Destroying it writes what is left.
class LogWriter final : public Log {
 public:
  /// `path`: "stderr", or a file, which is appended to. Beyond `most_lines` waiting ones lines are dropped,
  /// counted, and told of.
  static Result<std::unique_ptr<LogWriter>> open(LogLevel level, LogFormat format, const std::string& path,
                                                 size_t most_lines = 8192);
  ~LogWriter() override;

  void write(LogLevel level, std::string_view line) override;
  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

  /// Opens the path anew, after everything written so far: for a file that was renamed away. When that fails,
  /// the old file goes on, and says so.
  void reopen();

 private:
  struct Line {
    std::chrono::sys_time<std::chrono::milliseconds> time;
    LogLevel level;
    std::string text;
  };
  struct Batch {
    std::vector<Line> lines;
    uint64_t dropped = 0;  // lines that came after `lines` and found no room
    bool reopen = false;
  };

  LogWriter(LogLevel level, LogFormat format, std::string path, std::unique_ptr<OutputFile> file,
            size_t most_lines);
  void run();
  void write_batch(const Batch& batch);
  void open_anew();
  void append(std::string& out, LogLevel level, std::string_view line) const;

  std::atomic<LogLevel> level_;
  const LogFormat format_;
  const std::string path_;
  const size_t most_lines_;
  std::unique_ptr<OutputFile> file_;  // the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  Batch waiting_;        // guarded by mutex_
  bool ending_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::observe
