// The old process's part of a takeover: starts a new process or waits for one, gives it the listeners and the
// state, and leaves once that one is ready, or stands by until that one has proven itself. Until then it goes
// on as if nothing had happened.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/log.h>
#include <sluice/base/wait.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/descriptor.h>
#include <sluice/net/loop.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::lifecycle {

/// What the new process is told to run, and what it gets beside what the Server has.
struct HandoverSettings {
  std::vector<std::string> command{};                ///< a new process like this one, --takeover and all
  std::string admin_path{};                          ///< of the admin socket
  std::function<Result<net::Descriptor>()> admin{};  ///< a copy of it
  /// The new process has taken over (0: nobody knows its number, or it has ended); `admin_too`: it answers on
  /// the same admin socket.
  std::function<void(int new_process, bool admin_too)> on_handed_over{};
  /// It has, but this process stands by: on_handed_over() or on_back() follows.
  std::function<void()> on_stand_by{};
  /// This process is the one again.
  std::function<void()> on_back{};
  /// The process that stood by was to take all back, and has not: this one goes on.
  std::function<void(const Error& why)> on_not_back{};
};

/// Control's loop's. One takeover at a time.
class Handover {
 public:
  Handover(net::Loop& loop, Log& log, Server& server, HandoverSettings settings);
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  using OnDone = std::function<void(Result<int> new_process)>;
  /// Starts a new process (`binary`, or the one that this process was started from when it is empty) and
  /// answers once it has taken over, or why it has not; with `for_verdict` once its probation has passed, or
  /// with an error of code timed_out after that time. An error at once when it cannot even be started.
  Result<Wait> upgrade(const std::string& binary, std::optional<Duration> for_verdict, OnDone on_done);
  /// The same for a signal: the log has the answer.
  void upgrade_on_signal();

  /// A new process asks on this connection, of which `received` has been read.
  void begin(net::Descriptor connection, std::string_view received);

  /// While this process stands by, a signal for it is for the new one: false when it does not.
  bool pass_on(int signal_number);

  /// Tells the new process the last numbers. Once the server has finished.
  void say_goodbye();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::lifecycle
