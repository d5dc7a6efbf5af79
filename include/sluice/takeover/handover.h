// The old process's part of a takeover: starts a new process or waits for one, gives it the listeners and the
// state, and drains once that is ready, or is on standby until that has proven itself. Until the new process
// is ready, it goes on as if nothing had happened.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/base/wait.h>
#include <sluice/control/server.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::takeover {

/// How a new process is started, and what it gets besides what the Server has.
struct HandoverSettings {
  std::vector<std::string> command{};                ///< a new process like this one, --takeover and all
  std::string admin_path{};                          ///< of the admin socket
  std::function<Result<net::Descriptor>()> admin{};  ///< a copy of it
  /// The new process has taken over (0: its number is unknown, or it has ended); `admin_too`: it answers on
  /// the same admin socket.
  std::function<void(int new_process, bool admin_too)> on_handed_over{};
  /// It has, but this process is on standby: on_handed_over() or on_back() follows.
  std::function<void()> on_stand_by{};
  /// This process is active again.
  std::function<void()> on_back{};
  /// The predecessor on standby was to take everything back, and has not: this process goes on.
  std::function<void(const Error& why)> on_not_back{};
};

/// Control's loop's. One takeover at a time.
class Handover {
 public:
  Handover(net::Loop& loop, Log& log, control::Server& server, HandoverSettings settings);
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  struct NewProcess {
    int process = 0;
    std::string version{};  ///< its release
    std::string binary{};   ///< the file that it runs; empty when it has not said
  };
  using OnDone = std::function<void(Result<NewProcess>)>;
  /// Starts a new process (`binary`, or when that is empty the binary that this process was started from) and
  /// answers once it has taken over, or why it has not; with `for_verdict` once its probation has passed, or
  /// with an error of code timed_out after that time. An error at once when it cannot even be started.
  Result<Wait> upgrade(const std::string& binary, std::optional<Duration> for_verdict, OnDone on_done);
  /// The same for a signal: the log has the answer.
  void upgrade_on_signal();

  /// A new process asks on this connection, of which `received` has been read.
  void begin(net::Descriptor connection, std::string_view received);

  /// A signal to a process on standby is for the new process; so is a signal to a process that has handed
  /// over, unless it asks to stop. False: the signal is for this process.
  bool forward_signal(int signal_number);

  /// Sends the new process the final totals. To be called once the server has finished.
  void send_final_totals();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::takeover
