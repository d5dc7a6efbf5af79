// The processes that take over from the first one: whose they are, and that none outlives its test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "fixtures.h"

namespace sluice::e2e {

/// Who answers on the proxy's admin socket now.
pid_t pid_of(const Proxy& proxy);

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

}  // namespace sluice::e2e
