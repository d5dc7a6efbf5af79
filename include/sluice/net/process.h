// A child process.
#pragma once

#include <sluice/base/clock.h>
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

/// The file that this process runs, as the kernel knows it; empty when it does not say.
std::string binary_of_this_process();

/// By which the program can be started anew: the path that it was started by (argv[0], or where PATH has
/// that), absolute, its symbolic links not followed, so that they are when it is started. When another file
/// is there, binary_of_this_process().
std::string program_path(const std::string& started_as);

/// Blocks until this process, whosever child it is, has ended and closed all that it had open, or `bound` is
/// over.
void wait_until_ended(int process, Duration bound);

}  // namespace sluice::net
