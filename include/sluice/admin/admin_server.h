// The admin socket: one line is one command, the very words of the command line.
#pragma once

#include <sluice/base/log.h>
#include <sluice/base/result.h>
#include <sluice/lifecycle/server.h>
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
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Answers for `server`, which outlives it. `config_path` is for `config check`.
  void serve(lifecycle::Server& server, std::string config_path);

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::admin
