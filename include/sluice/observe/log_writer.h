// The log that writes: a thread of its own takes lines from a bounded backlog, so that no log line stalls a
// worker.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sluice/base/log.h>
#include <sluice/base/result.h>

namespace sluice::observe {

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

 private:
  LogWriter(LogLevel level, LogFormat format, int descriptor, size_t most_lines);
  void run();
  std::string format(LogLevel level, std::string_view line) const;

  std::atomic<LogLevel> level_;
  const LogFormat format_;
  const int descriptor_;
  const size_t most_lines_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;  // guarded by mutex_
  uint64_t dropped_ = 0;            // guarded by mutex_
  bool ending_ = false;             // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::observe
