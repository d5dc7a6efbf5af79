// What the tests of probations share: a proxy whose upgrades are on probation, and clients that see every
// close.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fixtures.h"
#include "raw_client.h"
#include "successors.h"

namespace sluice::e2e {

/// A proxy on one backend, with a state file.
class OnProbation {
 public:
  /// `probation` as in the configuration; `more` stands behind the pool.
  explicit OnProbation(const std::string& probation = "\"1m\"", const std::string& more = "");

  /// The configuration file as the next process reads it: one that answers like this one, or one whose
  /// backend refuses every connection.
  void write_good() const;
  void write_bad() const;
  /// The old process gets it, too.
  void set_takeover_timeout(const std::string& duration);
  pid_t upgrade() const;
  /// This very process answers on the admin socket.
  bool is_back() const;
  bool log_has(const std::string& text) const { return proxy.log().find(text) != std::string::npos; }
  pid_t old_one() const { return proxy.process().pid(); }
  /// Every request that was accepted has ended in one way, by all processes' counts.
  bool is_balanced() const;

  DemoApp app;
  std::string more;
  Proxy proxy;
  Successors successors;
  int port = 0;
};

/// SIGSTOP, and none of its threads runs any more.
void freeze(pid_t process);

/// Connections that are asked something again and again; none is ever opened anew.
class KeptConnections {
 public:
  KeptConnections(int port, size_t count);
  ~KeptConnections() { stop(); }
  KeptConnections(const KeptConnections&) = delete;
  KeptConnections& operator=(const KeptConnections&) = delete;

  void stop();
  uint64_t good() const { return good_; }
  uint64_t bad() const { return bad_; }    ///< answers other than 2xx
  uint64_t lost() const { return lost_; }  ///< connections that were closed or reset, or told to close
  /// So many good answers more from now on, and no bad one.
  bool all_good_for(uint64_t answers) const;

 private:
  void loop(int port);

  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> good_{0};
  std::atomic<uint64_t> bad_{0};
  std::atomic<uint64_t> lost_{0};
  std::vector<std::thread> threads_;
};

}  // namespace sluice::e2e
