// A backend for tunnels: takes every upgrade, and sends back what it gets.
#pragma once

#include <atomic>
#include <string>

#include "accept_loop.h"

namespace sluice::e2e {

/// Answers any request with a 101, and echoes from then on. At the end of what it gets it ends its own
/// direction.
class EchoOrigin {
 public:
  EchoOrigin();

  std::string address() const { return loop_.address(); }
  std::string pool(const std::string& more = "") const { return loop_.pool(more); }
  /// While held it neither reads nor sends.
  void hold(bool held) { held_ = held; }
  /// Upgrades that it has been asked for.
  size_t upgrades() const { return upgrades_; }

 private:
  class Connection;

  std::atomic<bool> held_{false};
  std::atomic<size_t> upgrades_{0};
  AcceptLoop loop_;  // the last: its thread uses all the others
};

}  // namespace sluice::e2e
