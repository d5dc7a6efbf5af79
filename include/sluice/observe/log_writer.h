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
#include <span>
#include <string>
#include <thread>
#include <utility>
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
  LogLevel level() const { return level_.load(std::memory_order_relaxed); }

  /// Other settings, with everything done that can fail. Outlived by nothing: may be dropped.
  class Change {
   public:
    Change(Change&& other) noexcept;
    Change& operator=(Change&& other) noexcept;
    ~Change();

   private:
    friend class LogWriter;
    Change(LogLevel level, LogFormat format, std::string path, std::unique_ptr<OutputFile> file);
    LogLevel level_;
    LogFormat format_;
    std::string path_;
    std::unique_ptr<OutputFile> file_;
  };
  static Result<Change> prepare(LogLevel level, LogFormat format, const std::string& path);
  /// From here on; what was written before goes where it went.
  void use(Change change);

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
    std::vector<std::pair<size_t, Change>> changes{};  // each after so many of the lines
  };

  LogWriter(Change settings, size_t most_lines);
  void run();
  void write_batch(Batch& batch);
  void write_lines(std::span<const Line> lines);
  void open_anew();
  void append(std::string& out, LogLevel level, std::string_view line) const;

  std::atomic<LogLevel> level_;
  const size_t most_lines_;
  Change settings_;  // the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  Batch waiting_;        // guarded by mutex_
  bool ending_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::observe
