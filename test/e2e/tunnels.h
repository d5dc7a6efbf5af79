// Raw tunnels: a backend that switches protocols and then echoes, and a client whose tunnel counts what it
// says.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "plain_socket.h"

namespace sluice::e2e {

/// Answers every upgrade with 101 and echoes from there on; anything else, /ping too, with a plain 200.
class UpgradingOrigin {
 public:
  UpgradingOrigin();
  ~UpgradingOrigin();
  UpgradingOrigin(const UpgradingOrigin&) = delete;
  UpgradingOrigin& operator=(const UpgradingOrigin&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// [pool.shop] over it alone.
  std::string pool(const std::string& more = "") const;

 private:
  struct Connection {
    int socket = -1;
    std::string input{};
    bool is_tunnel = false;
  };
  void run();
  static bool read(Connection& connection);

  int listening_ = -1;
  int wake_[2] = {-1, -1};
  int port_ = 0;
  std::thread thread_;
};

/// One tunnel through the proxy.
class Tunnel {
 public:
  /// Throws when it does not begin.
  explicit Tunnel(int port);
  /// Says the next number, and hears it.
  bool echoes(milliseconds bound = 10s);
  PlainSocket& socket() { return socket_; }

 private:
  PlainSocket socket_;
  unsigned next_ = 0;
};

/// Routes and a pool for [pool.shop]'s configuration: /tunnel goes to `echo`, in [pool.echo] with `more` in
/// it.
std::string tunnels_to(const UpgradingOrigin& echo, const std::string& more = "");

}  // namespace sluice::e2e
