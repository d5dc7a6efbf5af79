// A backend for tunnels: takes every upgrade, and sends back what it gets.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::e2e {

/// Answers any request with a 101, and echoes from then on. At the end of what it gets it ends its own
/// direction.
class EchoOrigin {
 public:
  EchoOrigin();
  ~EchoOrigin();
  EchoOrigin(const EchoOrigin&) = delete;
  EchoOrigin& operator=(const EchoOrigin&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// [pool.shop] over it alone, without probes.
  std::string pool(const std::string& more = "") const;
  /// While held it neither reads nor sends.
  void hold(bool held) { held_ = held; }
  /// Upgrades that it has been asked for.
  size_t upgrades() const { return upgrades_; }

 private:
  struct Connection;

  void run();
  void read(Connection& connection);
  static void write(Connection& connection);

  int listening_ = -1;
  int port_ = 0;
  std::atomic<bool> held_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> upgrades_{0};
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread thread_;  // the last: it uses all the others
};

}  // namespace sluice::e2e
