// A real WebSocket server or client: python's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "process.h"

#include <doctest/doctest.h>

namespace sluice::e2e {

/// test/e2e/websocket.py as a process.
class WebSocketScript {
 public:
  explicit WebSocketScript(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"/usr/bin/python3", WEBSOCKET_SCRIPT});
    process_ = std::make_unique<Child>(arguments, directory_.path("output"));
  }
  bool says(const std::string& what, milliseconds bound = 20s) {
    return eventually([&] { return said().find(what) != std::string::npos || !process_->is_running(); },
                      bound) &&
           said().find(what) != std::string::npos;
  }
  std::string said() const { return process_->output(); }
  Child& process() { return *process_; }

 private:
  TempDir directory_;
  std::unique_ptr<Child> process_;
};

inline std::string echo_server_address(WebSocketScript& server) {
  REQUIRE_MESSAGE(server.says("\n"), server.said());
  return "127.0.0.1:" + server.said().substr(0, server.said().find('\n'));
}

}  // namespace sluice::e2e
