// The new process's part of a takeover: asks the running process for its listeners and its state, says ready,
// and gets its reports until it is gone. A process on standby does the same to take back what it had left.
#pragma once

#include <sluice/base/log.h>
#include <sluice/control/server.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>
#include <sluice/net/message_channel.h>
#include <sluice/observe/account.h>
#include <sluice/takeover/error_rate.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sluice::takeover {

/// What becomes of a process on probation, and of its predecessor on standby.
enum class Verdict {
  passed,     ///< the process goes on alone
  roll_back,  ///< the predecessor is to take everything back
  stopping,   ///< neither goes on
};

/// To the process that answers on the admin socket, for messages in place of commands. An error of code
/// unreachable: no process answers there; of code reset: the process that did has died.
Result<std::unique_ptr<net::MessageChannel>> open_channel(net::Loop& loop, const std::string& admin_socket);

/// Control's.
class Takeover {
 public:
  /// Asks the process at the other end, and runs the loop until all has come, for `bound` at most.
  static Result<std::unique_ptr<Takeover>> ask(net::Loop& loop, Log& log,
                                               std::unique_ptr<net::MessageChannel> channel, Duration bound);
  ~Takeover();
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  /// The running process died before it had left everything: there is no process to take over from, but the
  /// listening sockets that it had given are in the handoff state.
  bool is_lost() const;
  /// For Server::start(), and no longer needed then.
  control::HandoffState& handoff_state();
  /// The socket on which the old process answers; nothing when `path` is another.
  Result<std::optional<net::ListeningSocket>> take_admin_socket(const std::string& path);

  /// Says ready, and runs the loop until the old process has stopped accepting: all is the server's own then.
  /// On error it is not, and the old process goes on.
  Result<void> complete(net::Loop& loop, control::Server& server);

  /// For a process on standby: takes back what it had left, from the process at the other end. Resumes the
  /// server, and then runs `on_done`, which may not drop this; on error nothing has happened.
  static std::unique_ptr<Takeover> come_back(Log& log, std::unique_ptr<net::MessageChannel> channel,
                                             control::Server& server,
                                             std::function<void(Result<void>)> on_done);
  /// The other process is gone: nothing comes any more.
  bool is_over() const;

  // While the predecessor is on standby, once complete() has succeeded:

  /// How the predecessor answered before it was on standby; nothing when it is not.
  std::optional<ErrorRate> stands_by() const;
  /// Runs when the predecessor, or this process through it, is asked to stop: with how often so far.
  void on_stops(std::function<void(unsigned times)> callback);
  /// Runs when the predecessor has ended all the same.
  void on_over(std::function<void()> callback);
  /// That all is well here; `account` is of all workers.
  void send_heartbeat(const observe::Account& account);
  void send_verdict(Verdict verdict, const std::string& why);

  /// Says why there will be no takeover.
  static void send_refused(const std::string& admin_socket, const Error& why);
  void send_refused(const Error& why);

 private:
  struct Impl;
  explicit Takeover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::takeover
