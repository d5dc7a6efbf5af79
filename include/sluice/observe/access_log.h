// The access log: one line for each request that has ended. Workers format and buffer, a thread of its own
// writes, so that no file can ever stall a worker.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/observe/counters.h>
#include <sluice/observe/losses.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::observe {

/// What is known of one exchange when it has ended. Borrows its texts during the call. What there is nothing
/// of is empty, or 0.
struct AccessRecord {
  std::chrono::sys_time<std::chrono::milliseconds> time{};  ///< of the end
  std::string_view client{};                                ///< its IP
  std::string_view request_line{};                          ///< as it came, without its CRLF
  std::string_view host{};
  std::string_view referer{};
  std::string_view user_agent{};
  std::string_view request_id{};
  std::string_view pool{};
  std::string_view backend{};  ///< of the last attempt
  std::string_view reason{};   ///< a stable word for how it ended
  Disposition disposition = Disposition::ok;
  int status = 0;         ///< 0: no answer was begun
  uint64_t sent = 0;      ///< bytes of the response's body
  uint64_t received = 0;  ///< bytes of the request's body
  uint64_t generation = 0;
  size_t attempts = 0;             ///< all that were begun, also those that reached no backend
  std::string_view listener{};     ///< its name, or its address when it has none
  std::string_view route{};        ///< its name
  std::string_view probe{};        ///< why no backend is healthy: what a probe of one was last answered
  std::optional<Duration> held{};  ///< in the pool's queue; nothing: it had not to wait
  std::optional<Duration> backend_took{};  ///< the last attempt
  Duration took{};
};

enum class AccessFormat { combined, json, host };

/// Appends the record's line. Whatever bytes a client sent, it stays one line, and JSON stays valid.
/// `combined` is Apache's format with key=value pairs behind it, `host` the same with the request's host in
/// front.
void append_access_line(std::string& out, AccessFormat format, const AccessRecord& record);

/// Where the lines of all workers go. Any thread.
///
///     auto sink = AccessSink::open("access.log", AccessFormat::json);  // control: start, reload
///     log.set_sink(*sink);                                             // each worker, by a post
///     if (log.is_on()) log.write({.client = "192.0.2.1"});             // an exchange has ended
///     log.flush();                                                     // now and then, and at the end
///     (*sink)->reopen();                                               // control: SIGUSR1
class AccessSink {
 public:
  /// `path`: "stdout", "stderr" or a file, which is appended to. Beyond `most_bytes` that wait, what is
  /// handed in is dropped and counted, and the file says so.
  static Result<std::shared_ptr<AccessSink>> open(const std::string& path, AccessFormat format,
                                                  size_t most_bytes = size_t{16} << 20U);
  /// As finish(), on the thread that opened it. On any other, which may be a worker that let go of it last,
  /// never waits: what is left is written all the same.
  ~AccessSink();
  /// No line comes any more: waits until what is left is written, at most until then, since the file may take
  /// nothing.
  void finish(std::chrono::steady_clock::time_point until);
  /// Everything handed in so far is written, or lost.
  bool is_idle() const;

  AccessFormat format() const { return format_; }
  /// Whole lines. Never waits for the file.
  void hand_in(std::string_view lines);
  /// Lines that found no room, or that the file did not take.
  const Losses& losses() const;
  /// Opens the path anew, after what was handed in so far: for a file that was renamed away. When that fails
  /// the old file goes on, and says so.
  void reopen();

 private:
  struct Backlog;
  class Writer;
  void end();
  AccessSink(std::shared_ptr<Backlog> backlog, AccessFormat format, Writer writer);

  const std::shared_ptr<Backlog> backlog_;  // with the thread, which may outlive us
  const AccessFormat format_;
  const std::thread::id opener_ = std::this_thread::get_id();
  std::thread thread_;
};

/// One worker's end of it. Its owner calls flush() now and then.
class AccessLog {
 public:
  /// Without a sink nothing is written.
  void set_sink(std::shared_ptr<AccessSink> sink);
  bool is_on() const { return sink_ != nullptr; }
  /// Buffers the line; hands the buffer in when it is full.
  void write(const AccessRecord& record);
  bool has_lines() const { return !buffer_.empty(); }
  void flush();

 private:
  std::shared_ptr<AccessSink> sink_;
  std::string buffer_;
};

}  // namespace sluice::observe
