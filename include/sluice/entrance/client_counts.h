// How many connections each client has, over all workers: for limits.connections_per_client.
#pragma once

#include <sluice/base/address.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::entrance {

/// Any thread. Locks for the moment of a look-up, and only while there is a limit: when a connection comes
/// and when it goes, never for a request.
class ClientCounts {
 public:
  /// The client has one connection more, unless it has `most` already: then false.
  bool enter(const Address& client, uint64_t most);
  void leave(const Address& client);

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::string, uint64_t> counts;
  };
  Shard& shard_of(const std::string& key);

  std::array<Shard, 64> shards_;
};

}  // namespace sluice::entrance
