// What the configuration shall be: the file's, with the admin's changes over it. Whatever changes pools and
// backends goes through here, and generations are made of what comes out. Pure.
#pragma once

#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <map>
#include <memory>
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

/// The pool's name and the address.
using BackendKey = std::pair<std::string, Address>;
using BackendChanges = std::map<BackendKey, BackendChange>;

/// "backend shop 127.0.0.1:9003 added weight=2".
std::string words(const BackendKey& key, const BackendChange& change);

/// What a command asks of one backend: a value, so that it can be tried on one state and done to another.
struct BackendEdit {
  enum class Verb { add, remove, drain, ready, weight };
  Verb verb{};
  BackendKey key{};
  std::optional<uint32_t> weight{};      ///< of add and weight
  std::optional<std::string> version{};  ///< of add
};

class DesiredState {
 public:
  /// Changes that the file has caught up with disappear at once.
  explicit DesiredState(config::Config file, BackendChanges changes = {});

  /// The file's configuration with the changes applied. Pools without changes are the file's very objects.
  config::Config effective() const;
  /// One backend of it.
  std::optional<config::Backend> backend(const BackendKey& key) const;

  /// A new file. Changes that it has caught up with disappear; the others stay over it.
  void replace_file(config::Config file);
  void drop_changes() { changes_.clear(); }
  const BackendChanges& changes() const { return changes_; }
  /// What a change waits for, as `no pool "shop"`; empty when it applies. It is kept all the same: the file
  /// may get it back.
  std::string waits_for(const BackendKey& key) const;

  /// Answers whether the backend is any different now; doing a thing twice is no error. An unknown pool or
  /// backend is one, of code not_found. To add a backend that is there already gives it the weight and
  /// version, and undoes its drain.
  Result<bool> apply(const BackendEdit& edit);

 private:
  const config::Backend* in_file(const BackendKey& key) const;
  Result<void> check_pool(std::string_view pool) const;
  Result<BackendChange> changed(const BackendEdit& edit) const;
  bool says_nothing(const BackendKey& key, const BackendChange& change) const;

  std::shared_ptr<const config::Config> file_;  // Copies of a state share it.
  BackendChanges changes_;
};

}  // namespace sluice::lifecycle
