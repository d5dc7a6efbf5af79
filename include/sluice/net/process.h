// A child process.
#pragma once

#include <sluice/base/result.h>
#include <sluice/base/wait.h>
#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::net {

struct ExitStatus {
  int code = 0;    ///< as given to exit()
  int signal = 0;  ///< the signal that ended it, 0 when it exited
};

/// Owns a running child. Destroying it does not kill it: it is then on its own. One loop's.
class Process {
 public:
  /// Starts `arguments[0]` (looked up in PATH) with the descriptors 0-2 inherited.
  static Result<std::unique_ptr<Process>> start(Loop& loop, const std::vector<std::string>& arguments);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int pid() const;
  bool is_running() const;
  void send_signal(int signal_number);
  /// Runs the callback when the child has ended; in a later turn when it already has.
  [[nodiscard]] Wait when_ended(std::function<void(ExitStatus)> callback);

 private:
  struct Impl;
  explicit Process(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::net
