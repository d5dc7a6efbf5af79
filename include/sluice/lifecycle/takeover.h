// The new process's part of a takeover: asks the running process for its listeners and its state, says ready,
// and hears from it until it is gone. So does a process that stood by and takes back what it had left.
#pragma once

#include <sluice/base/log.h>
#include <sluice/lifecycle/judgement.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>
#include <sluice/observe/account.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sluice::lifecycle {

/// What becomes of a process and the one before it, which stands by.
enum class Verdict {
  passed,    ///< this one goes on alone
  back,      ///< the one before it is to take everything back
  stopping,  ///< neither goes on
};

/// Control's loop's.
class Takeover {
 public:
  /// Asks who answers on the admin socket and runs the loop until all has come, for `bound` at most. An error
  /// of code unreachable: nobody answers there.
  static Result<std::unique_ptr<Takeover>> ask(net::Loop& loop, Log& log, const std::string& admin_socket,
                                               Duration bound);
  ~Takeover();
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  /// For Server::start(), and no longer needed then.
  Estate& estate();
  /// The socket on which the old process answers; nothing when `path` is another.
  Result<std::optional<net::ListeningSocket>> take_admin_socket(const std::string& path);

  /// Says ready, and runs the loop until the old process has stopped accepting: all is the server's own then.
  /// On error it is not, and the old process goes on.
  Result<void> complete(Server& server);

  /// Of a process that stands by: takes back from who answers on the admin socket what it had left. Tells the
  /// server what to go on with, and then `on_done`, which may not drop this; on error nothing has happened.
  /// An error at once when nobody answers there.
  static Result<std::unique_ptr<Takeover>> come_back(net::Loop& loop, Log& log,
                                                     const std::string& admin_socket, Server& server,
                                                     std::function<void(Result<void>)> on_done);
  /// The other process is gone: nothing comes any more.
  bool is_over() const;

  // While the process before this one stands by, once complete() has succeeded:

  /// How that one answered before it stood by; nothing when it does not.
  std::optional<Figures> stands_by() const;
  /// Runs when that one, or this process through it, is told to stop: with how often it was so far.
  void on_stops(std::function<void(unsigned times)> callback);
  /// Runs when it has ended all the same.
  void on_over(std::function<void()> callback);
  /// That all is well here; `account` is of all workers.
  void say_beat(const observe::Account& account);
  void say_verdict(Verdict verdict, const std::string& why);

  /// Says why there will be no takeover.
  static void decline(const std::string& admin_socket, const Error& why);
  void decline(const Error& why);

 private:
  struct Impl;
  explicit Takeover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::lifecycle
