// The processes that take over from the first one: whose they are, and that none outlives its test.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fixtures.h"

namespace sluice::e2e {

/// Who answers on the proxy's admin socket now.
pid_t pid_of(const Proxy& proxy);

/// Whom the kernel names to those who connect to the proxy's admin socket.
pid_t peer_of_admin_socket(const Proxy& proxy);

/// The sockets that listen on the port, by inode.
std::set<uint64_t> listening_inodes(int port);

/// Ends every process that the proxy's log tells of when dropped, or says which of them live.
class Successors {
 public:
  explicit Successors(Proxy& proxy);
  ~Successors();
  Successors(const Successors&) = delete;
  Successors& operator=(const Successors&) = delete;

  /// Of all that have started, those that have not ended.
  std::vector<pid_t> living() const;

 private:
  std::vector<pid_t> all() const;
  Proxy& proxy_;
};

/// Upgrades one after the other until stopped, or until one fails.
class Upgrader {
 public:
  Upgrader(const Proxy& proxy, int most, milliseconds rest)
      : proxy_(proxy), most_(most), rest_(rest), thread_([this] { loop(); }) {}
  ~Upgrader() { wait(); }
  void wait() {
    if (thread_.joinable()) thread_.join();
  }
  int count() const { return count_; }
  const std::string& failure() const { return failure_; }

 private:
  void loop() {
    while (count_ < most_) {
      const auto done = proxy_.admin("upgrade");
      if (done.exit_code != 0) {
        failure_ = done.output;
        return;
      }
      ++count_;
      std::this_thread::sleep_for(rest_);  // Not all of them in the first moment of the load.
    }
  }

  const Proxy& proxy_;
  const int most_;
  const milliseconds rest_;
  std::atomic<int> count_{0};
  std::string failure_;
  std::thread thread_;
};

}  // namespace sluice::e2e
