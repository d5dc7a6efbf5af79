#include <sluice/base/check.h>
#include <sluice/entrance/client_counts.h>

namespace sluice::entrance {
namespace {

/// A whole /64 is one client's: it could take a new address for each connection (RFC 4291 2.5.4).
std::string key_of(const Address& client) {
  return std::string(client.ip_bytes().substr(0, 8));
}

}  // namespace

ClientCounts::Shard& ClientCounts::shard_of(const std::string& key) {
  return shards_[std::hash<std::string>{}(key) % shards_.size()];
}

bool ClientCounts::enter(const Address& client, uint64_t most) {
  const std::string key = key_of(client);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  uint64_t& count = shard.counts[key];
  if (count >= most) return false;
  ++count;
  return true;
}

void ClientCounts::leave(const Address& client) {
  const std::string key = key_of(client);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.counts.find(key);
  CHECK(found != shard.counts.end());
  if (--found->second == 0) shard.counts.erase(found);
}

}  // namespace sluice::entrance
