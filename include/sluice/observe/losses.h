// How many lines a log has lost, and why: its writers count, any thread may read.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::observe {

/// Of one log. Any thread.
class Losses {
 public:
  /// What a line was lost by, when it was not an error of the file.
  static constexpr int kTooSlow = -1;  ///< the file took them too slowly, and the backlog was full

  /// `why`: an errno, or kTooSlow.
  void add(uint64_t lines, int why) {
    why_.store(why, std::memory_order_relaxed);
    lines_.fetch_add(lines, std::memory_order_relaxed);
  }
  /// Whether the file took what it was last given.
  void note_write(bool is_taken) { is_failing_.store(!is_taken, std::memory_order_relaxed); }

  /// Never goes back.
  uint64_t lines() const { return lines_.load(std::memory_order_relaxed); }
  bool is_failing() const { return is_failing_.load(std::memory_order_relaxed); }
  /// Of the last ones, for people; empty while none were lost.
  std::string cause() const;

 private:
  std::atomic<uint64_t> lines_{0};
  std::atomic<int> why_{0};
  std::atomic<bool> is_failing_{false};
};

/// A line for people on standard error, when the log itself takes none. Never waits: what does not go out at
/// once is left out.
void say_on_stderr(std::string_view line);

}  // namespace sluice::observe
