// The new process's part of a takeover: asks the running process for its listeners and its state, says ready,
// and hears from it until it is gone.
#pragma once

#include <sluice/base/log.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>

#include <memory>
#include <optional>
#include <string>

namespace sluice::lifecycle {

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

  /// Says why there will be no takeover.
  static void decline(const std::string& admin_socket, const Error& why);
  void decline(const Error& why);

 private:
  struct Impl;
  explicit Takeover(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::lifecycle
