#include <sluice/base/text.h>
#include <sluice/observe/log_writer.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "observe/line_file.h"
#include "observe/log_line.h"

namespace sluice::observe {
namespace {

constexpr size_t kMostBytes = size_t{16} * 1024;  // of one line
constexpr std::string_view kCut = " ...";
constexpr std::chrono::seconds kLogPatience{3};  // at the end, with a file that takes nothing

struct Line {
  LogTime time;
  LogLevel level;
  std::string text;
};

struct Batch {
  std::vector<Line> lines{};
  bool reopen = false;
  std::vector<std::pair<size_t, LogWriter::Change>> changes{};  // each after so many of the lines
};

}  // namespace

/// What waits for the thread, and how the two ends signal each other.
struct LogWriter::Backlog {
  explicit Backlog(size_t most) : most_lines(most) {}

  const size_t most_lines;
  Losses losses;
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  Batch waiting;  // guarded by mutex, as are the next
  bool ending = false;
  bool over = false;
};

/// The thread's own part.
class LogWriter::Writer {
 public:
  Writer(std::shared_ptr<Backlog> backlog, Change settings)
      : backlog_(std::move(backlog)), settings_(std::move(settings)) {}

  void run() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // Signals are control's.
    Backlog& backlog = *backlog_;
    std::unique_lock lock(backlog.mutex);
    while (!backlog.over) {
      backlog.changed.wait(lock, [&backlog] {
        const Batch& waiting = backlog.waiting;
        return backlog.ending || waiting.reopen || !waiting.changes.empty() || !waiting.lines.empty();
      });
      const bool is_last = backlog.ending;
      Batch batch = std::exchange(backlog.waiting, {});
      lock.unlock();
      write_batch(batch);
      lock.lock();
      backlog.over = is_last;
    }
    backlog.ended.notify_all();
  }

 private:
  void write_batch(Batch& batch) {
    std::span<const Line> lines = batch.lines;
    size_t written = 0;
    for (auto& [before, change] : batch.changes) {
      write_lines(lines.subspan(written, before - written));
      written = before;
      settings_ = std::move(change);
    }
    write_lines(lines.subspan(written));
    const uint64_t lost = backlog_->losses.lines();
    if (lost != noticed_) {
      const auto count = static_cast<long long>(lost - noticed_);
      if (put_notice(LogLevel::warning, "log lines dropped" + field("count", count))) noticed_ = lost;
    }
    if (batch.reopen) open_anew();
  }

  void write_lines(std::span<const Line> lines) {
    std::string text;
    for (const Line& line : lines) append_log_line(text, settings_.format_, line.time, line.level, line.text);
    settings_.file_->put(text, backlog_->losses);
  }

  void open_anew() {
    auto file = OutputFile::open(settings_.path_);
    if (file) {
      *settings_.file_ = LineFile(*std::move(file));
      return;
    }
    put_notice(LogLevel::error, concat({"log not reopened", field("path", settings_.path_),
                                        field("cause", file.error().message)}));
  }

  bool put_notice(LogLevel level, std::string_view notice) {
    std::string line;
    append_log_line(line, settings_.format_, wall_time(), level, notice);
    return settings_.file_->put_notice(line, backlog_->losses);
  }

  std::shared_ptr<Backlog> backlog_;
  Change settings_;
  uint64_t noticed_ = 0;  // in the file, of the lines that were lost
};

Result<std::unique_ptr<LogWriter>> LogWriter::open(LogLevel level, LogFormat format, const std::string& path,
                                                   size_t most_lines) {
  auto settings = prepare(level, format, path);
  if (!settings) return std::move(settings).error();
  return std::unique_ptr<LogWriter>(
      new LogWriter(std::make_shared<Backlog>(most_lines), *std::move(settings)));
}

LogWriter::LogWriter(std::shared_ptr<Backlog> backlog, Change settings)
    : level_(settings.level_),
      backlog_(std::move(backlog)),
      thread_([writer = Writer(backlog_, std::move(settings))]() mutable { writer.run(); }) {}

LogWriter::~LogWriter() {
  std::unique_lock lock(backlog_->mutex);
  backlog_->ending = true;
  backlog_->changed.notify_one();
  const bool is_over = backlog_->ended.wait_for(lock, kLogPatience, [this] { return backlog_->over; });
  lock.unlock();
  is_over ? thread_.join() : thread_.detach();
}

LogWriter::Change::Change(LogLevel level, LogFormat format, std::string path, std::unique_ptr<LineFile> file)
    : level_(level), format_(format), path_(std::move(path)), file_(std::move(file)) {}
LogWriter::Change::Change(Change&& other) noexcept = default;
LogWriter::Change& LogWriter::Change::operator=(Change&& other) noexcept = default;
LogWriter::Change::~Change() = default;

Result<LogWriter::Change> LogWriter::prepare(LogLevel level, LogFormat format, const std::string& path) {
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  return Change(level, format, path, std::make_unique<LineFile>(*std::move(file)));
}

void LogWriter::use(Change change) {
  level_.store(change.level_, std::memory_order_relaxed);
  {
    const std::lock_guard lock(backlog_->mutex);
    Batch& waiting = backlog_->waiting;
    waiting.changes.emplace_back(waiting.lines.size(), std::move(change));
  }
  backlog_->changed.notify_one();
}

void LogWriter::write(LogLevel level, std::string_view line) {
  if (level < level_.load(std::memory_order_relaxed)) return;
  Line entry{.time = wall_time(), .level = level, .text = std::string(line.substr(0, kMostBytes))};
  if (line.size() > kMostBytes) entry.text += kCut;
  {
    const std::lock_guard lock(backlog_->mutex);
    Batch& waiting = backlog_->waiting;
    if (waiting.lines.size() >= backlog_->most_lines) return backlog_->losses.add(1, Losses::kTooSlow);
    waiting.lines.push_back(std::move(entry));
    if (waiting.lines.size() > 1) return;  // The thread knows already.
  }
  backlog_->changed.notify_one();
}

void LogWriter::reopen() {
  {
    const std::lock_guard lock(backlog_->mutex);
    backlog_->waiting.reopen = true;
  }
  backlog_->changed.notify_one();
}

const Losses& LogWriter::losses() const {
  return backlog_->losses;
}

}  // namespace sluice::observe
