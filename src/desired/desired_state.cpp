#include <sluice/base/text.h>
#include <sluice/desired/desired_state.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "desired/not_found.h"

namespace sluice::desired {
namespace {

using Presence = BackendChange::Presence;
using Verb = BackendEdit::Verb;

/// The backend as the change makes it of the file's; nothing when it is not there.
std::optional<config::Backend> apply_change(const config::Backend* in_file, const Address& address,
                                            const BackendChange& change) {
  if (change.presence == Presence::removed) return std::nullopt;
  if (in_file == nullptr && change.presence != Presence::added) return std::nullopt;
  config::Backend backend = in_file != nullptr ? *in_file : config::Backend{.address = address};
  if (change.weight) backend.weight = *change.weight;
  if (change.version) backend.version = *change.version;
  if (change.max_requests) backend.max_requests = *change.max_requests;
  if (change.priority) backend.priority = *change.priority;
  if (change.zone) backend.zone = *change.zone;
  if (change.drain) backend.drain = *change.drain;
  return backend;
}

std::string no_backend(const BackendKey& key) {
  return concat({"no backend ", key.second.text(), " in pool \"", key.first, "\""});
}

}  // namespace

std::string words(const BackendKey& key, const BackendChange& change) {
  std::string text = concat({"backend ", key.first, " ", key.second.text()});
  if (change.presence == Presence::added) text += " added";
  if (change.presence == Presence::removed) text += " removed";
  if (change.weight) text += concat({" weight=", std::to_string(*change.weight)});
  if (change.version) text += field("version", *change.version);
  if (change.max_requests) text += concat({" max_requests=", std::to_string(*change.max_requests)});
  if (change.priority) text += concat({" priority=", std::to_string(*change.priority)});
  if (change.zone) text += field("zone", *change.zone);
  if (change.drain && *change.drain) text += " draining";
  return text;
}

DesiredState::DesiredState(config::Config file, Changes changes, RedundantChanges redundant)
    : changes_(std::move(changes)), redundant_(redundant) {
  replace_file(std::move(file));
}

const config::Backend* DesiredState::in_file(const BackendKey& key) const {
  const auto found = file_->pools.find(key.first);
  if (found == file_->pools.end()) return nullptr;
  const auto& backends = found->second->backends;
  const auto it = std::ranges::find(backends, key.second, &config::Backend::address);
  return it == backends.end() ? nullptr : &*it;
}

std::optional<config::Backend> DesiredState::backend(const BackendKey& key) const {
  if (!file_->pools.contains(key.first)) return std::nullopt;
  const auto change = changes_.backends.find(key);
  return apply_change(in_file(key), key.second,
                      change == changes_.backends.end() ? BackendChange{} : change->second);
}

config::Config DesiredState::effective() const {
  config::Config config = *file_;
  std::map<std::string, std::shared_ptr<config::Pool>, std::less<>> changed;
  for (const auto& [key, change] : changes_.backends) {
    const auto& [pool_name, address] = key;
    const auto in_config = config.pools.find(pool_name);
    if (in_config == config.pools.end()) continue;  // Its pool is gone; the change waits for it.
    auto& pool = changed[pool_name];
    if (!pool) pool = std::make_shared<config::Pool>(*in_config->second);
    const auto backend = apply_change(in_file(key), address, change);
    const auto place = std::ranges::find(pool->backends, address, &config::Backend::address);
    if (!backend) {
      if (place != pool->backends.end()) pool->backends.erase(place);
    } else if (place != pool->backends.end()) {
      *place = *backend;
    } else {
      pool->backends.push_back(*backend);
    }
  }
  apply_pauses(changed, config);
  for (auto& [name, pool] : changed) config.pools[name] = std::move(pool);
  apply_routes(config);
  return config;
}

void DesiredState::replace_file(config::Config file) {
  written_ = std::make_shared<const config::Config>(std::move(file));
  add_named_backends();
  tidy_changes();
}

void DesiredState::replace_changes(Changes changes) {
  changes_ = std::move(changes);
  tidy_changes();
}

void DesiredState::drop_redundant() {
  redundant_ = RedundantChanges::forget;
  tidy_changes();
}

void DesiredState::tidy_changes() {
  if (redundant_ == RedundantChanges::forget) {
    std::erase_if(changes_.backends, [this](const auto& entry) {
      return file_->pools.contains(entry.first.first) && says_nothing(entry.first, entry.second);
    });
  }
  forget_routes_of_the_file();
  forget_pauses_of_lost_pools();
}

/// Beyond the file. A change to a backend that the file no longer has may be meant for when it is back.
bool DesiredState::says_nothing(const BackendKey& key, const BackendChange& change) const {
  const config::Backend* file = in_file(key);
  const bool may_come_back = !file_->pools.at(key.first)->names.empty();
  if (file == nullptr) {
    return (change.presence == Presence::removed && !may_come_back) || change == BackendChange{};
  }
  return apply_change(file, key.second, change) == *file;
}

std::string DesiredState::inactive_reason(const BackendKey& key) const {
  if (!file_->pools.contains(key.first)) return concat({"no pool \"", key.first, "\""});
  const auto change = changes_.backends.find(key);
  const bool waits = change != changes_.backends.end() && change->second.presence == Presence::as_in_file;
  return waits && in_file(key) == nullptr ? no_backend(key) : "";
}

std::vector<ChangeInfo> DesiredState::describe() const {
  std::vector<ChangeInfo> told;
  for (const auto& [key, change] : changes_.backends)
    told.push_back({words(key, change), inactive_reason(key)});
  for (const auto& [route, split] : changes_.routes)
    told.push_back({words(route, split), inactive_reason(route)});
  for (const auto& [pool, pause] : changes_.pauses) told.push_back({words(pool, pause), ""});
  return told;
}

Result<void> DesiredState::check_pool(std::string_view pool) const {
  if (file_->pools.contains(pool)) return {};
  std::vector<std::string_view> names;
  for (const auto& [name, unused] : file_->pools) names.push_back(name);
  return not_found("pool", pool, names);
}

/// The change to the backend, with the edit done.
Result<BackendChange> DesiredState::changed(const BackendEdit& edit) const {
  if (edit.verb == Verb::remove) return BackendChange{.presence = Presence::removed};
  const bool is_there = backend(edit.key).has_value();
  if (!is_there && edit.verb != Verb::add) {
    return Error{.code = ErrorCode::not_found, .message = no_backend(edit.key)};
  }
  const auto known = changes_.backends.find(edit.key);
  // A change to a backend that is gone is not meant for a backend that is added at its address.
  BackendChange change = is_there && known != changes_.backends.end() ? known->second : BackendChange{};
  if (edit.verb == Verb::add) {
    const bool goes_by_file = in_file(edit.key) != nullptr && redundant_ == RedundantChanges::forget;
    change.presence = goes_by_file ? Presence::as_in_file : Presence::added;
    if (edit.version) change.version = edit.version;
    if (edit.max_requests) change.max_requests = edit.max_requests;
    if (edit.priority) change.priority = edit.priority;
    if (edit.zone) change.zone = edit.zone;
  }
  if (edit.weight) change.weight = edit.weight;
  if (edit.verb == Verb::drain || edit.verb == Verb::ready) change.drain = edit.verb == Verb::drain;
  return change;
}

Result<bool> DesiredState::apply(const Edit& edit) {
  return std::visit([this](const auto& each) { return apply(each); }, edit);
}

Result<bool> DesiredState::apply(const BackendEdit& edit) {
  if (auto known = check_pool(edit.key.first); !known) return std::move(known).error();
  auto change = changed(edit);
  if (!change) return std::move(change).error();
  const auto before = backend(edit.key);
  if (redundant_ == RedundantChanges::forget && says_nothing(edit.key, *change)) {
    changes_.backends.erase(edit.key);
  } else {
    changes_.backends[edit.key] = *std::move(change);
  }
  return before != backend(edit.key);
}

}  // namespace sluice::desired
