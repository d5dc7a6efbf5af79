// Signals as events on a loop.
#pragma once

#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <vector>

namespace sluice::net {

/// SIGTERM, SIGINT or SIGQUIT.
bool asks_to_stop(int signal_number);

/// Watches signals of the process until destroyed. One loop's.
class Signals {
 public:
  explicit Signals(Loop& loop);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Runs `callback` on the loop whenever `signal_number` arrives.
  void on(int signal_number, std::function<void()> callback);

  /// Makes writes to broken connections an error instead of SIGPIPE. For the whole process; every Loop does
  /// it, too.
  static void ignore_broken_pipes();

 private:
  struct Watch;
  Loop& loop_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace sluice::net
