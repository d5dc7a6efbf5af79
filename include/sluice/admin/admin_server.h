// The admin socket: one line is one command, the very words of the command line.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>
#include <sluice/control/server.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/network.h>
#include <sluice/takeover/handover.h>
#include <sluice/takeover/probation.h>

#include <memory>
#include <string>

namespace sluice::admin {

/// Control's loop's. Sessions end with it.
class AdminServer {
 public:
  /// Listens on the Unix socket that `settings` name, with the permissions that they give. Makes its
  /// directory if that is all that is missing. A stale file is replaced; a live one is an error of code
  /// conflict. Commands are answered once serve() is called.
  static Result<std::unique_ptr<AdminServer>> open(net::Network& network, Log& log,
                                                   const config::Server& settings);
  /// What of open() depends on this system alone: an error names a group that is not there.
  static Result<void> check(const config::Server& settings);
  /// On a socket that another process has opened. Its file gets the permissions with serve().
  static Result<std::unique_ptr<AdminServer>> adopt(net::Network& network, Log& log,
                                                    net::ListeningSocket socket,
                                                    const config::Server& settings);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Answers for `server`, which outlives it. `config_path` is for `config check`; without a handover there
  /// are no upgrades. The socket's file is this process's from now on.
  /// Again after stand_by().
  void serve(control::Server& server, std::string config_path, takeover::Handover* handover = nullptr,
             takeover::Probation* probation = nullptr);

  /// For the process that takes over.
  Result<net::Descriptor> copy_socket() const;
  /// Serves no more. Sessions end with the next answer that is due, an error. `same_socket`: the other
  /// process answers on it, and has its file.
  void hand_over(bool same_socket);
  /// Likewise, on the same socket, but this process may answer again. Commands that wait for the outcome of
  /// an upgrade keep waiting.
  void stand_by();
  /// A client has connected and sent nothing yet, or does not know yet that another process answers now.
  bool has_pending_clients() const;

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::admin
