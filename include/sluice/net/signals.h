// Signals as events on a loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <sluice/net/loop.h>

namespace sluice::net {

/// Watches signals of the process until destroyed. One loop's.
class Signals {
 public:
  explicit Signals(Loop& loop);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Runs `callback` on the loop whenever `signal_number` arrives.
  void on(int signal_number, std::function<void()> callback);

  /// Makes writes to broken connections an error instead of SIGPIPE. Once, at the start of the process.
  static void ignore_broken_pipes();

 private:
  struct Watch;
  Loop& loop_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace sluice::net
