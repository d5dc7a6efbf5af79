#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/observe/access_log.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include "observe/access_line.h"
#include "observe/output_file.h"

namespace sluice::observe {
namespace {

constexpr size_t kFull = size_t{32} * 1024;   // of a worker's buffer
constexpr size_t kLine = size_t{4} * 1024;    // room for one more behind that
constexpr size_t kLarge = size_t{1} << 20U;   // of a batch whose memory is given back
constexpr std::chrono::seconds kPatience{5};  // at the end, with a file that takes nothing

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

/// What waits for the thread, and how the two ends speak.
struct AccessSink::Backlog {
  explicit Backlog(size_t most) : most_bytes(most) { lines.reserve(most); }

  const size_t most_bytes;
  std::atomic<uint64_t> dropped{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  std::string lines;  // guarded by mutex, as are the next. Never grows: nobody waits for it to be copied.
  bool reopen = false;
  bool ending = false;
  bool over = false;
};

/// The thread's own part.
class AccessSink::Writer {
 public:
  Writer(std::shared_ptr<Backlog> backlog, std::string path, AccessFormat format, OutputFile file)
      : backlog_(std::move(backlog)), path_(std::move(path)), format_(format), file_(std::move(file)) {}

  void run() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // Signals are control's.
    Backlog& backlog = *backlog_;
    std::string batch;
    batch.reserve(backlog.most_bytes);
    std::unique_lock lock(backlog.mutex);
    while (!backlog.over) {
      backlog.changed.wait(lock, [&] { return backlog.ending || backlog.reopen || !backlog.lines.empty(); });
      const bool is_last = backlog.ending;
      const bool reopens = std::exchange(backlog.reopen, false);
      std::swap(batch, backlog.lines);
      lock.unlock();
      write_batch(batch);
      clear(batch);
      if (reopens) open_anew();
      lock.lock();
      backlog.over = is_last;
    }
    backlog.ended.notify_all();
  }

 private:
  /// Keeps the room, which costs nothing until it is written to; but not what a backlog once wrote to.
  void clear(std::string& batch) const {
    if (batch.size() > kLarge) std::string().swap(batch);
    batch.clear();
    batch.reserve(backlog_->most_bytes);
  }

  void write_batch(std::string_view batch) {
    auto& dropped = backlog_->dropped;
    const auto left = put(batch);
    if (!left.empty()) dropped.fetch_add(count_lines(left), std::memory_order_relaxed);
    const uint64_t in_all = dropped.load(std::memory_order_relaxed);
    if (in_all == told_) return;
    const bool is_told =
        put_notice("access log lines dropped" + field("count", static_cast<long long>(in_all - told_)));
    if (is_told) told_ = in_all;
  }

  void open_anew() {
    auto file = OutputFile::open(path_);
    if (file) {
      file_ = *std::move(file);
      return;
    }
    put_notice(
        concat({"access log not reopened", field("path", path_), field("cause", file.error().message)}));
  }

  bool put_notice(std::string_view notice) {
    std::string line;
    append_access_notice(line, format_, wall_time(), notice);
    return put(line).empty();
  }

  /// What the file did not take. A line that it took a part of, on a full disk, does not spoil the next.
  std::string_view put(std::string_view lines) {
    if (is_torn_ && file_.write("\n") == 1) is_torn_ = false;
    if (is_torn_) return lines;
    const size_t written = file_.write(lines);
    if (written > 0) is_torn_ = lines[written - 1] != '\n';
    return lines.substr(written);
  }

  std::shared_ptr<Backlog> backlog_;
  std::string path_;
  AccessFormat format_;
  OutputFile file_;
  uint64_t told_ = 0;  // of the dropped lines
  bool is_torn_ = false;
};

Result<std::shared_ptr<AccessSink>> AccessSink::open(const std::string& path, AccessFormat format,
                                                     size_t most_bytes) {
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  auto backlog = std::make_shared<Backlog>(most_bytes);
  Writer writer(backlog, path, format, *std::move(file));
  return std::shared_ptr<AccessSink>(new AccessSink(std::move(backlog), format, std::move(writer)));
}

AccessSink::AccessSink(std::shared_ptr<Backlog> backlog, AccessFormat format, Writer writer)
    : backlog_(std::move(backlog)),
      format_(format),
      thread_([writer = std::move(writer)]() mutable { writer.run(); }) {}

AccessSink::~AccessSink() {
  Backlog& backlog = *backlog_;
  std::unique_lock lock(backlog.mutex);
  backlog.ending = true;
  backlog.changed.notify_one();
  const bool may_wait = std::this_thread::get_id() == opener_;
  const bool is_over = may_wait && backlog.ended.wait_for(lock, kPatience, [&] { return backlog.over; });
  lock.unlock();
  is_over ? thread_.join() : thread_.detach();
}

void AccessSink::hand_in(std::string_view lines) {
  {
    const std::lock_guard lock(backlog_->mutex);
    if (backlog_->lines.size() + lines.size() <= backlog_->most_bytes) {
      backlog_->lines += lines;
      lines = {};
    }
  }
  if (lines.empty()) return backlog_->changed.notify_one();
  backlog_->dropped.fetch_add(count_lines(lines), std::memory_order_relaxed);
}

uint64_t AccessSink::dropped() const {
  return backlog_->dropped.load(std::memory_order_relaxed);
}

void AccessSink::reopen() {
  {
    const std::lock_guard lock(backlog_->mutex);
    backlog_->reopen = true;
  }
  backlog_->changed.notify_one();
}

void AccessLog::set_sink(std::shared_ptr<AccessSink> sink) {
  flush();
  sink_ = std::move(sink);
  if (sink_) buffer_.reserve(kFull + kLine);
}

void AccessLog::write(const AccessRecord& record) {
  if (!sink_) return;
  append_access_line(buffer_, sink_->format(), record);
  if (buffer_.size() >= kFull) flush();
}

void AccessLog::flush() {
  if (buffer_.empty()) return;
  sink_->hand_in(buffer_);
  buffer_.clear();
}

}  // namespace sluice::observe
