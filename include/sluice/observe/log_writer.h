// The log that writes: a thread of its own takes lines from a bounded backlog, so that no log line stalls a
// worker.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/observe/losses.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace sluice::observe {

class LineFile;

/// Any thread writes. Destroying it writes what is left, though it does not wait for ever for a file that
/// takes nothing.
class LogWriter final : public Log {
 public:
  /// `path`: "stderr", or a file, which is appended to. Beyond `most_lines` waiting ones lines are dropped,
  /// counted, and reported in the file.
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
    Change(LogLevel level, LogFormat format, std::string path, std::unique_ptr<LineFile> file);
    LogLevel level_;
    LogFormat format_;
    std::string path_;
    std::unique_ptr<LineFile> file_;
  };
  static Result<Change> prepare(LogLevel level, LogFormat format, const std::string& path);
  /// From here on; what was written before goes where it went.
  void use(Change change);

  /// Opens the path anew, after everything written so far: for a file that was renamed away. When that fails,
  /// the old file goes on, and says so.
  void reopen();

  /// Lines that found no room, or that a file did not take.
  const Losses& losses() const;

 private:
  struct Backlog;
  class Writer;
  LogWriter(std::shared_ptr<Backlog> backlog, Change settings);

  std::atomic<LogLevel> level_;
  const std::shared_ptr<Backlog> backlog_;  // with the thread, which may outlive us
  std::thread thread_;
};

}  // namespace sluice::observe
