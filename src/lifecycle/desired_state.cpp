#include <sluice/base/text.h>
#include <sluice/lifecycle/desired_state.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace sluice::lifecycle {
namespace {

using Presence = BackendChange::Presence;

/// The backend as the change makes it of the file's; nothing when it is not there.
std::optional<config::Backend> apply(const config::Backend* in_file, const Address& address,
                                     const BackendChange& change) {
  if (change.presence == Presence::removed) return std::nullopt;
  if (in_file == nullptr && change.presence != Presence::added) return std::nullopt;
  config::Backend backend = in_file != nullptr ? *in_file : config::Backend{.address = address};
  if (change.weight) backend.weight = *change.weight;
  if (change.version) backend.version = *change.version;
  if (change.drain) backend.drain = *change.drain;
  return backend;
}

}  // namespace

const config::Backend* DesiredState::in_file(std::string_view pool, const Address& address) const {
  const auto found = file_.pools.find(pool);
  if (found == file_.pools.end()) return nullptr;
  const auto& backends = found->second->backends;
  const auto it = std::ranges::find(backends, address, &config::Backend::address);
  return it == backends.end() ? nullptr : &*it;
}

std::optional<config::Backend> DesiredState::find(const Key& key) const {
  const config::Backend* file = in_file(key.first, key.second);
  const auto change = changes_.find(key);
  return apply(file, key.second, change == changes_.end() ? BackendChange{} : change->second);
}

config::Config DesiredState::effective() const {
  config::Config config = file_;
  std::map<std::string, std::shared_ptr<config::Pool>, std::less<>> changed;
  for (const auto& [key, change] : changes_) {
    const auto& [pool_name, address] = key;
    const auto in_config = config.pools.find(pool_name);
    if (in_config == config.pools.end()) continue;  // Its pool is gone; the change waits for it.
    auto& pool = changed[pool_name];
    if (!pool) pool = std::make_shared<config::Pool>(*in_config->second);
    const auto backend = apply(in_file(pool_name, address), address, change);
    const auto place = std::ranges::find(pool->backends, address, &config::Backend::address);
    if (!backend) {
      if (place != pool->backends.end()) pool->backends.erase(place);
    } else if (place != pool->backends.end()) {
      *place = *backend;
    } else {
      pool->backends.push_back(*backend);
    }
  }
  for (auto& [name, pool] : changed) config.pools[name] = std::move(pool);
  return config;
}

void DesiredState::replace_file(config::Config file) {
  file_ = std::move(file);
  std::erase_if(changes_, [this](const auto& entry) {
    const auto& [key, change] = entry;
    if (!file_.pools.contains(key.first)) return false;
    const config::Backend* now = in_file(key.first, key.second);
    const auto wanted = apply(now, key.second, change);
    return now == nullptr ? !wanted : wanted == *now;
  });
}

Result<void> DesiredState::check_pool(std::string_view pool) const {
  if (file_.pools.contains(pool)) return {};
  std::vector<std::string_view> names;
  for (const auto& [name, unused] : file_.pools) names.push_back(name);
  std::string message = concat({"no pool \"", pool, "\""});
  if (const auto near = closest_match(pool, names)) message += concat({", did you mean \"", *near, "\"?"});
  return Error{.code = ErrorCode::not_found, .message = std::move(message)};
}

Result<DesiredState::Key> DesiredState::existing(std::string_view pool, const Address& address) const {
  if (auto known = check_pool(pool); !known) return std::move(known).error();
  Key key{pool, address};
  if (find(key)) return key;
  return Error{.code = ErrorCode::not_found,
               .message = concat({"no backend ", address.text(), " in pool \"", pool, "\""})};
}

/// Keeps the change, or forgets it when it says nothing beyond the file.
bool DesiredState::put(const Key& key, BackendChange change) {
  const auto before = find(key);
  const config::Backend* file = in_file(key.first, key.second);
  const auto after = apply(file, key.second, change);
  const bool says_nothing = file == nullptr ? !after : after == *file;
  if (says_nothing) {
    changes_.erase(key);
  } else {
    changes_[key] = std::move(change);
  }
  return before != after;
}

Result<bool> DesiredState::add_backend(std::string_view pool, const Address& address,
                                       std::optional<uint32_t> weight, std::optional<std::string> version) {
  if (auto known = check_pool(pool); !known) return std::move(known).error();
  const Key key{pool, address};
  const auto known = changes_.find(key);
  BackendChange change = known == changes_.end() ? BackendChange{} : known->second;
  if (change.presence == Presence::removed) change = {};
  change.presence = in_file(pool, address) != nullptr ? Presence::as_in_file : Presence::added;
  if (weight) change.weight = weight;
  if (version) change.version = std::move(version);
  change.drain = false;
  return put(key, std::move(change));
}

Result<bool> DesiredState::remove_backend(std::string_view pool, const Address& address) {
  if (auto known = check_pool(pool); !known) return std::move(known).error();
  return put({std::string(pool), address}, {.presence = Presence::removed});
}

Result<bool> DesiredState::drain_backend(std::string_view pool, const Address& address) {
  auto key = existing(pool, address);
  if (!key) return std::move(key).error();
  BackendChange change = changes_[*key];
  change.drain = true;
  return put(*key, std::move(change));
}

Result<bool> DesiredState::ready_backend(std::string_view pool, const Address& address) {
  auto key = existing(pool, address);
  if (!key) return std::move(key).error();
  BackendChange change = changes_[*key];
  change.drain = false;
  return put(*key, std::move(change));
}

Result<bool> DesiredState::set_weight(std::string_view pool, const Address& address, uint32_t weight) {
  auto key = existing(pool, address);
  if (!key) return std::move(key).error();
  BackendChange change = changes_[*key];
  change.weight = weight;
  return put(*key, std::move(change));
}

}  // namespace sluice::lifecycle
