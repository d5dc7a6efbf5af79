// The admin socket: one line is one command, the very words of the command line.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/lifecycle/handover.h>
#include <sluice/lifecycle/probation.h>
#include <sluice/lifecycle/server.h>
#include <sluice/net/listening_socket.h>
#include <sluice/net/loop.h>

#include <memory>
#include <string>

namespace sluice::admin {

/// Control's loop's. Sessions end with it.
class AdminServer {
 public:
  /// Listens on the Unix socket `path`, mode 0600. A stale file is replaced; a live one is an error of code
  /// conflict. Commands are answered once serve() is called.
  static Result<std::unique_ptr<AdminServer>> open(net::Loop& loop, Log& log, const std::string& path);
  /// On a socket that another process has opened.
  static std::unique_ptr<AdminServer> adopt(net::Loop& loop, Log& log, net::ListeningSocket socket);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Answers for `server`, which outlives it. `config_path` is for `config check`; without a handover there
  /// are no upgrades. The socket's file is this process's from now on.
  /// Again after stand_by().
  void serve(lifecycle::Server& server, std::string config_path, lifecycle::Handover* handover = nullptr,
             lifecycle::Probation* probation = nullptr);

  /// For the process that takes over.
  Result<net::Descriptor> copy_socket() const;
  /// Serves no more. Sessions end with the next answer that is due, an error. `same_socket`: the other
  /// process answers on it, and has its file.
  void hand_over(bool same_socket);
  /// Likewise, on the same socket, but this process may answer again. Who waits for how an upgrade goes on
  /// keeps waiting.
  void stand_by();
  /// Somebody has connected and not said yet what for, or does not know yet that another process answers now.
  bool is_to_hear() const;

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::admin
