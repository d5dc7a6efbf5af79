#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/observe/access_log.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include "observe/access_line.h"
#include "observe/line_file.h"

namespace sluice::observe {
namespace {

constexpr size_t kFull = size_t{32} * 1024;       // of a worker's buffer
constexpr size_t kLine = size_t{4} * 1024;        // room for one more behind that
constexpr size_t kLarge = size_t{1} << 20U;       // of a batch whose memory is given back
constexpr std::chrono::seconds kFilePatience{5};  // at the end, with a file that takes nothing

}  // namespace

/// What waits for the thread, and how the two ends signal each other.
struct AccessSink::Backlog {
  explicit Backlog(size_t most) : most_bytes(most) { lines.reserve(most); }

  const size_t most_bytes;
  Losses losses;
  std::mutex mutex;
  std::condition_variable changed;
  std::condition_variable ended;
  std::string lines;  // guarded by mutex, as are the next. Never grows: no worker waits for a copy.
  bool reopen = false;
  bool writing = false;
  bool ending = false;
  bool over = false;
};

/// The thread's own part.
class AccessSink::Writer {
 public:
  Writer(std::shared_ptr<Backlog> backlog, std::string path, AccessFormat format, LineFile file)
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
      backlog.writing = true;
      lock.unlock();
      write_batch(batch);
      clear(batch);
      if (reopens) open_anew();
      lock.lock();
      backlog.writing = false;
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
    Losses& losses = backlog_->losses;
    file_.put(batch, losses);
    const uint64_t in_all = losses.lines();
    if (in_all == noticed_) return;
    const bool is_taken =
        put_notice("access log lines dropped" + field("count", static_cast<long long>(in_all - noticed_)));
    if (is_taken) noticed_ = in_all;
  }

  void open_anew() {
    auto file = OutputFile::open(path_);
    if (file) {
      file_ = LineFile(*std::move(file));
      return;
    }
    put_notice(
        concat({"access log not reopened", field("path", path_), field("cause", file.error().message)}));
  }

  bool put_notice(std::string_view notice) {
    std::string line;
    append_access_notice(line, format_, wall_time(), notice);
    return file_.put_notice(line, backlog_->losses);
  }

  std::shared_ptr<Backlog> backlog_;
  std::string path_;
  AccessFormat format_;
  LineFile file_;
  uint64_t noticed_ = 0;  // in the file, of the lines that were lost
};

Result<std::shared_ptr<AccessSink>> AccessSink::open(const std::string& path, AccessFormat format,
                                                     size_t most_bytes) {
  auto file = OutputFile::open(path);
  if (!file) return std::move(file).error();
  auto backlog = std::make_shared<Backlog>(most_bytes);
  Writer writer(backlog, path, format, LineFile(*std::move(file)));
  return std::shared_ptr<AccessSink>(new AccessSink(std::move(backlog), format, std::move(writer)));
}

AccessSink::AccessSink(std::shared_ptr<Backlog> backlog, AccessFormat format, Writer writer)
    : backlog_(std::move(backlog)),
      format_(format),
      thread_([writer = std::move(writer)]() mutable { writer.run(); }) {}

AccessSink::~AccessSink() {
  if (std::this_thread::get_id() == opener_) finish(std::chrono::steady_clock::now() + kFilePatience);
  if (!thread_.joinable()) return;
  end();
  thread_.detach();
}

void AccessSink::end() {
  const std::lock_guard lock(backlog_->mutex);
  backlog_->ending = true;
  backlog_->changed.notify_one();
}

void AccessSink::finish(std::chrono::steady_clock::time_point until) {
  if (!thread_.joinable()) return;
  end();
  std::unique_lock lock(backlog_->mutex);
  const bool is_over = backlog_->ended.wait_until(lock, until, [this] { return backlog_->over; });
  lock.unlock();
  is_over ? thread_.join() : thread_.detach();
}

bool AccessSink::is_idle() const {
  const std::lock_guard lock(backlog_->mutex);
  return !backlog_->writing && !backlog_->reopen && backlog_->lines.empty();
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
  backlog_->losses.add(count_lines(lines), Losses::kTooSlow);
}

const Losses& AccessSink::losses() const {
  return backlog_->losses;
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
