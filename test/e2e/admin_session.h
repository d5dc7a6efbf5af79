// One connection to the admin socket, as a script has it.
#pragma once

#include <string>

#include "process.h"

namespace sluice::e2e {

class AdminSession {
 public:
  explicit AdminSession(const std::string& socket_path);
  ~AdminSession() { close(); }
  AdminSession(const AdminSession&) = delete;
  AdminSession& operator=(const AdminSession&) = delete;

  bool is_open() const { return socket_ >= 0; }
  /// The last line of the reply: "ok ..." or "error ..."; empty when the connection ended first.
  std::string ask(const std::string& command);
  /// The same without a command: of one that was sent.
  std::string hear();
  /// Without waiting for a reply.
  bool send(const std::string& command);
  /// Says no more, and still hears.
  void end();
  void close();

 private:
  int socket_ = -1;
  std::string input_;
};

}  // namespace sluice::e2e
