// What the configuration shall be: the file's, with the admin's changes over it. Whatever changes pools and
// backends goes through here, and generations are made of what comes out. Pure.
#pragma once

#include <sluice/base/clock.h>
#include <sluice/base/result.h>
#include <sluice/config/config.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::desired {

/// What an admin said of one backend, over what the file says; what is not set is the file's.
struct BackendChange {
  enum class Presence { as_in_file, added, removed };
  Presence presence = Presence::as_in_file;
  std::optional<uint32_t> weight{};
  std::optional<std::string> version{};
  std::optional<uint32_t> max_requests{};
  std::optional<uint8_t> priority{};
  std::optional<std::string> zone{};
  std::optional<bool> drain{};
  bool operator==(const BackendChange&) const = default;
};

/// The pool's name and the address.
using BackendKey = std::pair<std::string, Address>;
using BackendChanges = std::map<BackendKey, BackendChange>;

/// What an admin said of a route's pools, by the route's name; over what the file says. Sorted by pool.
using RouteChanges = std::map<std::string, std::vector<config::PoolShare>>;

/// That a pool is paused. It is for the moment: the state file does not keep it.
struct PauseChange {
  std::optional<TimePoint> until{};  ///< nothing: until it is resumed
  bool operator==(const PauseChange&) const = default;
};

/// By the pool's name.
using PauseChanges = std::map<std::string, PauseChange>;

/// All that an admin has changed.
struct Changes {
  BackendChanges backends{};
  RouteChanges routes{};
  PauseChanges pauses{};
  size_t size() const { return backends.size() + routes.size() + pauses.size(); }
  bool empty() const { return size() == 0; }
  bool operator==(const Changes&) const = default;
};

/// "backend shop 127.0.0.1:9003 added weight=2".
std::string words(const BackendKey& key, const BackendChange& change);

/// What a command asks of one backend: a value, so that it can be tried on one state and done to another.
struct BackendEdit {
  enum class Verb { add, remove, drain, ready, weight };
  Verb verb{};
  BackendKey key{};
  std::optional<uint32_t> weight{};  ///< of add and weight
  // Of add:
  std::optional<std::string> version{};
  std::optional<uint32_t> max_requests{};
  std::optional<uint8_t> priority{};
  std::optional<std::string> zone{};
};

/// "route shop split blue=90 green=10".
std::string words(const std::string& route, const std::vector<config::PoolShare>& split);

/// What a command asks of one route.
struct RouteEdit {
  std::string route{};
  std::vector<config::PoolShare> split{};
};

/// "pool shop paused".
std::string words(const std::string& pool, const PauseChange& pause);

/// What a command asks of a pool as a whole.
struct PauseEdit {
  std::string pool{};
  std::optional<PauseChange> pause{};  ///< nothing: it is resumed
};

using Edit = std::variant<BackendEdit, RouteEdit, PauseEdit>;

/// One change, for people.
struct ChangeInfo {
  std::string words{};
  std::string inactive_reason{};  ///< why it does not apply, as `no pool "shop"`; empty when it does. It is
                                  ///< kept all the same: the file may get that back
};

/// What becomes of changes that the file has caught up with. They are kept while another file that says
/// otherwise may take its place again.
enum class RedundantChanges { forget, keep };

class DesiredState {
 public:
  explicit DesiredState(config::Config file, Changes changes = {},
                        RedundantChanges redundant = RedundantChanges::forget);
  void drop_redundant();

  /// The file's configuration with the changes applied. Pools without changes are the file's very objects.
  config::Config effective() const;
  /// One backend of it.
  std::optional<config::Backend> backend(const BackendKey& key) const;
  /// One route of it, by name: the pools that get something, with their parts; empty when there is no such
  /// route.
  std::vector<config::PoolShare> split(const std::string& route) const;

  /// Nothing when the pool is not paused.
  std::optional<PauseChange> pause(const std::string& pool) const;

  /// What the names in pools lead to; true when pools are different now. Changes stay: an address that is
  /// gone may come back.
  bool resolve(config::ResolvedNames places);

  /// A new file, under the same changes.
  void replace_file(config::Config file);
  void drop_changes() { changes_ = {}; }
  /// Other changes, over the same file.
  void replace_changes(Changes changes);
  const Changes& changes() const { return changes_; }
  std::vector<ChangeInfo> describe() const;
  /// As ChangeInfo has it.
  std::string inactive_reason(const BackendKey& key) const;
  std::string inactive_reason(const std::string& route) const;

  /// Answers whether the backend is any different now; doing a thing twice is no error. An unknown pool or
  /// backend is one, of code not_found. To add a backend that is there already gives it the weight and
  /// version, and leaves its drain alone.
  Result<bool> apply(const BackendEdit& edit);
  /// Likewise of a route that has a name and leads to pools.
  Result<bool> apply(const RouteEdit& edit);
  /// Likewise of a pool. Its pause ends with the pool, too.
  Result<bool> apply(const PauseEdit& edit);
  Result<bool> apply(const Edit& edit);

 private:
  const config::Backend* in_file(const BackendKey& key) const;
  Result<void> check_pool(std::string_view pool) const;
  Result<BackendChange> changed(const BackendEdit& edit) const;
  bool says_nothing(const BackendKey& key, const BackendChange& change) const;
  const config::Route* route_in_file(std::string_view name) const;
  Result<void> check_route(const RouteEdit& edit) const;
  void apply_routes(config::Config& config) const;
  void forget_routes_of_the_file();
  void apply_pauses(std::map<std::string, std::shared_ptr<config::Pool>, std::less<>>& changed,
                    const config::Config& config) const;
  void forget_pauses_of_lost_pools();

  void add_named_backends();
  void tidy_changes();

  std::shared_ptr<const config::Config> written_;  // Copies of a state share it.
  std::shared_ptr<const config::Config> file_;     // With the backends that names lead to.
  config::ResolvedNames places_;
  Changes changes_;
  RedundantChanges redundant_ = RedundantChanges::forget;
};

}  // namespace sluice::desired
