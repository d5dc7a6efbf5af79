// What has happened of late: the newest lines of the log, whatever level the log itself has, numbered, so
// that a client may ask what came since, or get them as they come.
#pragma once

#include <sluice/base/deadlines.h>
#include <sluice/base/log.h>
#include <sluice/base/wait.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::observe {

struct LoggedEvent {
  uint64_t number = 0;  ///< 1, 2, 3 ..., and on over takeovers, with a gap at each
  std::chrono::sys_time<std::chrono::milliseconds> time{};
  LogLevel level = LogLevel::info;
  std::string text{};  ///< the fact and its key=value pairs, valid UTF-8
  bool operator==(const LoggedEvent&) const = default;
};

/// An event's text taken apart, for programs.
struct EventParts {
  std::string what;                                         ///< the fact: "backend down"
  std::vector<std::pair<std::string, std::string>> fields;  ///< in their order, values without quotes
};
EventParts parts_of(std::string_view text);
/// A value that JSON writes as a number just so. Long ones are texts: readers of JSON would round them.
bool is_number(std::string_view value);

/// `7 2026-11-28T12:00:00.123Z warning backend down pool=shop ...`, always one line.
std::string event_line(const LoggedEvent& event);
/// The time alone, as there.
std::string event_time(const LoggedEvent& event);

/// Control's: write(), too, is for one thread alone, that of `deadlines`. Passes every line on to `log`,
/// which outlives it.
class Events final : public Log {
 public:
  static constexpr size_t kMost = 1000;           ///< that are kept; older ones are forgotten
  static constexpr size_t kLongestText = 4096;    ///< bytes of one that are kept
  static constexpr unsigned kMostFollowers = 16;  ///< at a time
  static constexpr uint64_t kGap = 1000;          ///< what a process may note once its successor goes on

  Events(Log& log, Deadlines& deadlines);
  ~Events() override;

  /// Notes what is info or above.
  void write(LogLevel level, std::string_view line) override;

  /// Of the newest one; 0: there was none yet.
  uint64_t newest() const { return newest_; }
  /// Those after number `since`, the oldest first, at most so many.
  std::vector<LoggedEvent> since(uint64_t since, size_t most = kMost) const;

  /// Runs the callback once there is one after number `since`; never before it has returned.
  [[nodiscard]] Wait when_after(uint64_t since, std::function<void()> callback);

  /// A follower's place. Dropping it gives it back.
  using Subscription = std::shared_ptr<const void>;
  /// Null when there are kMostFollowers.
  Subscription follow();

  /// Goes on from what the process before this one has noted: those come before all of this one's.
  void seed(std::vector<LoggedEvent> earlier);
  /// Goes on behind a process that had gone on from this one, and is at number `newest`.
  void append_from(std::vector<LoggedEvent> noted, uint64_t newest);

 private:
  struct Waiting;
  void tell();

  Log& log_;
  Deadlines& deadlines_;
  std::deque<LoggedEvent> kept_;
  uint64_t newest_ = 0;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  Deadline tell_{[this] { tell(); }};
  std::shared_ptr<unsigned> followers_ = std::make_shared<unsigned>(0);
};

}  // namespace sluice::observe
