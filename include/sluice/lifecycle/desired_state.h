// What the configuration shall be: the file's, with the admin's changes over it. Whatever changes pools and
// backends goes through here, and generations are made of what comes out. Pure.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::lifecycle {

/// What an admin said of one backend, over what the file says; what is not set is the file's.
struct BackendChange {
  enum class Presence { as_in_file, added, removed };
  Presence presence = Presence::as_in_file;
  std::optional<uint32_t> weight{};
  std::optional<std::string> version{};
  std::optional<bool> drain{};
  bool operator==(const BackendChange&) const = default;
};

class DesiredState {
 public:
  explicit DesiredState(config::Config file) : file_(std::move(file)) {}

  /// The file's configuration with the changes applied. Pools without changes are the file's very objects.
  config::Config effective() const;

  /// A new file. Changes that it has caught up with disappear; the others stay over it.
  void replace_file(config::Config file);
  void drop_changes() { changes_.clear(); }
  size_t changes() const { return changes_.size(); }

  // Each answers whether anything is different now; doing a thing twice is no error. An unknown pool or
  // backend is one, of code not_found.

  /// A backend that is there already gets the weight and version, and is not drained any more.
  Result<bool> add_backend(std::string_view pool, const Address& address, std::optional<uint32_t> weight,
                           std::optional<std::string> version);
  Result<bool> remove_backend(std::string_view pool, const Address& address);
  Result<bool> drain_backend(std::string_view pool, const Address& address);
  Result<bool> ready_backend(std::string_view pool, const Address& address);
  Result<bool> set_weight(std::string_view pool, const Address& address, uint32_t weight);

 private:
  using Key = std::pair<std::string, Address>;

  const config::Backend* in_file(std::string_view pool, const Address& address) const;
  std::optional<config::Backend> find(const Key& key) const;
  Result<Key> existing(std::string_view pool, const Address& address) const;
  Result<void> check_pool(std::string_view pool) const;
  bool put(const Key& key, BackendChange change);

  config::Config file_;
  std::map<Key, BackendChange> changes_;
};

}  // namespace sluice::lifecycle
