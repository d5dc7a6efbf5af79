#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/desired/state_file.h>
#include <sluice/json/value.h>

#include <algorithm>
#include <array>
#include <vector>

namespace sluice::desired {
namespace {

using Json = json::Value;
using Presence = BackendChange::Presence;

constexpr uint64_t kWeightZero = 4;
constexpr uint64_t kAdded = 3;  // max_requests, priority and zone of backends
constexpr uint64_t kRoutes = 2;
constexpr uint64_t kOldest = 1;
constexpr uint64_t kMostGenerations = uint64_t{1} << 53;  // What every reader of JSON can hold.
/// In the order of Presence.
constexpr std::array<std::string_view, 3> kPresences = {"as_in_file", "added", "removed"};

Json change_json(const BackendKey& key, const BackendChange& change) {
  Json json = {{"pool", key.first},
               {"address", key.second.text()},
               {"presence", kPresences[static_cast<size_t>(change.presence)]}};
  if (change.weight) json["weight"] = *change.weight;
  if (change.version) json["version"] = *change.version;
  if (change.max_requests) json["max_requests"] = *change.max_requests;
  if (change.priority) json["priority"] = *change.priority;
  if (change.zone) json["zone"] = *change.zone;
  if (change.drain) json["drain"] = *change.drain;
  return json;
}

Json route_json(const std::string& route, const std::vector<config::PoolShare>& split) {
  Json pools = Json::object();
  for (const auto& [pool, weight] : split) pools[pool] = weight;
  return {{"route", route}, {"split", std::move(pools)}};
}

/// Reads one object's members, each by its name; all that are there must have been asked for.
class KnownMembers {
 public:
  KnownMembers(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  /// Nothing when it is not there.
  template <class Is>
  const Json* optional(std::string_view name, std::string_view expected, Is is) {
    const Json* found = object_.find(name);
    if (found == nullptr) return nullptr;
    ++taken_;
    if (is(*found)) return found;
    wrong(concat({name, " is not ", expected}));
    return nullptr;
  }
  template <class Is>
  const Json* required(std::string_view name, std::string_view expected, Is is) {
    if (!object_.contains(name)) wrong(concat({"there is no ", name}));
    return optional(name, expected, is);
  }
  void wrong(std::string message) {
    if (error_.empty()) error_ = concat({where_, std::move(message)});
  }
  /// What was wrong first; empty when nothing was.
  std::string finish() {
    if (taken_ != object_.size()) wrong("there is a member that this version does not know");
    return error_;
  }

 private:
  const Json& object_;
  std::string where_;
  std::string error_;
  size_t taken_ = 0;
};

bool is_text(const Json& json) {
  return json.is_string();
}

bool is_number(const Json& json) {
  return json.is_number_unsigned() && json.get<uint64_t>() <= kMostGenerations;
}

/// What only `backend add` says.
void read_added(KnownMembers& members, BackendChange& change, config::Backend& backend) {
  if (const Json* most = members.optional("max_requests", "a number", is_number)) {
    backend.max_requests = static_cast<uint32_t>(std::min<uint64_t>(most->get<uint64_t>(), UINT32_MAX));
    change.max_requests = backend.max_requests;
  }
  if (const Json* priority = members.optional("priority", "a number", is_number)) {
    backend.priority = static_cast<uint8_t>(std::min<uint64_t>(priority->get<uint64_t>(), UINT8_MAX));
    change.priority = backend.priority;
  }
  if (const Json* zone = members.optional("zone", "a string", is_text)) {
    change.zone = backend.zone = zone->get<std::string>();
  }
}

/// One entry of "changes"; the error is what is wrong with it.
std::string read_change(const Json& json, std::string where, uint64_t version, BackendChanges& changes) {
  if (!json.is_object()) return concat({where, "it is no object"});
  KnownMembers members(json, std::move(where));
  BackendKey key;
  BackendChange change;
  if (const Json* pool = members.required("pool", "a string", is_text)) key.first = pool->get<std::string>();
  if (const Json* text = members.required("address", "a string", is_text)) {
    auto address = Address::parse(text->get<std::string>());
    if (address) key.second = *std::move(address);
    if (!address) members.wrong(address.error().message);
  }
  if (const Json* text = members.required("presence", "a string", is_text)) {
    const auto found = std::ranges::find(kPresences, text->get<std::string>());
    if (found == kPresences.end()) members.wrong("presence is none that this version knows");
    change.presence = static_cast<Presence>(found - kPresences.begin());
  }
  config::Backend backend{.address = key.second};
  if (const Json* weight = members.optional("weight", "a number", is_number)) {
    backend.weight = static_cast<uint32_t>(std::min<uint64_t>(weight->get<uint64_t>(), UINT32_MAX));
    change.weight = backend.weight;
  }
  if (const Json* tag = members.optional("version", "a string", is_text)) {
    change.version = backend.version = tag->get<std::string>();
  }
  if (version >= kAdded) read_added(members, change, backend);
  const auto is_truth = [](const Json& value) { return value.is_boolean(); };
  if (const Json* drain = members.optional("drain", "true or false", is_truth))
    change.drain = drain->get<bool>();
  if (auto holds = config::check_backend(backend); !holds) members.wrong(holds.error().message);
  if (!changes.emplace(std::move(key), std::move(change)).second) members.wrong("it is there twice");
  return members.finish();
}

bool is_object(const Json& json) {
  return json.is_object();
}

/// One entry of "routes"; likewise.
std::string read_route(const Json& json, std::string where, RouteChanges& routes) {
  if (!json.is_object()) return concat({where, "it is no object"});
  KnownMembers members(json, std::move(where));
  std::string route;
  std::vector<config::PoolShare> split;
  if (const Json* name = members.required("route", "a string", is_text)) route = name->get<std::string>();
  if (const Json* pools = members.required("split", "an object", is_object)) {
    for (const auto& [pool, weight] : pools->items()) {
      if (!is_number(weight)) members.wrong("a weight is not a number");
      const uint64_t number = is_number(weight) ? weight.get<uint64_t>() : 0;
      split.push_back(
          {.pool = pool, .weight = static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX))});
    }
  }
  std::ranges::sort(split, {}, &config::PoolShare::pool);
  if (auto holds = config::check_split(split); !holds) members.wrong(holds.error().message);
  if (!routes.emplace(std::move(route), std::move(split)).second) members.wrong("it is there twice");
  return members.finish();
}

Error damaged(std::string message) {
  return {.code = ErrorCode::malformed, .message = std::move(message)};
}

}  // namespace

uint64_t state_version(const Changes& changes) {
  const auto is_new = [](const auto& entry) {
    const BackendChange& change = entry.second;
    return change.max_requests || change.priority || change.zone;
  };
  const auto is_without_weight = [](const auto& entry) { return entry.second.weight == 0U; };
  if (std::ranges::any_of(changes.backends, is_without_weight)) return kWeightZero;
  if (std::ranges::any_of(changes.backends, is_new)) return kAdded;
  return changes.routes.empty() ? kOldest : kRoutes;
}

Result<std::string> state_text(const SavedState& state) {
  SavedState kept = state;
  kept.changes.pauses.clear();  // A pause that survived a restart would be a trap.
  const auto& [backends, routes, unused] = kept.changes;
  Json json = {
      {"version", state_version(kept.changes)}, {"generation", state.generation}, {"changes", Json::array()}};
  for (const auto& [key, change] : backends) json["changes"].push_back(change_json(key, change));
  for (const auto& [route, split] : routes) json["routes"].push_back(route_json(route, split));
  std::string text = json.dump(2) + "\n";
  const auto again = parse_state(text);
  if (again && *again == kept) return text;
  return Error{.code = ErrorCode::usage, .message = "a name in it cannot be written to the state file"};
}

Result<SavedState> parse_state(std::string_view text) {
  const auto parsed = Json::parse(text);
  if (!parsed) return damaged("it is not valid JSON, or cut off");
  const Json& json = *parsed;
  if (!json.is_object()) return damaged("it is no JSON object");
  KnownMembers members(json, "");
  const Json* given = members.required("version", "a number", is_number);
  const uint64_t version = given == nullptr ? kNewestState : given->get<uint64_t>();
  if (version > kNewestState) {
    return Error{.code = ErrorCode::unsupported,
                 .message = concat({"a newer Sluice wrote it (its version is ", std::to_string(version),
                                    ", this one reads ", std::to_string(kNewestState), ")"})};
  }
  if (version < kOldest) members.wrong("version is not 1 to 4");
  SavedState state;
  if (const Json* number = members.required("generation", "a number", is_number)) {
    state.generation = number->get<uint64_t>();
  }
  const auto is_list = [](const Json& value) { return value.is_array(); };
  if (const Json* changes = members.required("changes", "an array", is_list)) {
    for (const Json& change : *changes) {
      const std::string where = concat({"changes[", std::to_string(state.changes.backends.size()), "]: "});
      if (std::string wrong = read_change(change, where, version, state.changes.backends); !wrong.empty())
        return damaged(wrong);
    }
  }
  if (const Json* routes = version >= kRoutes ? members.optional("routes", "an array", is_list) : nullptr) {
    for (const Json& route : *routes) {
      const std::string where = concat({"routes[", std::to_string(state.changes.routes.size()), "]: "});
      if (std::string wrong = read_route(route, where, state.changes.routes); !wrong.empty())
        return damaged(wrong);
    }
  }
  if (std::string wrong = members.finish(); !wrong.empty()) return damaged(std::move(wrong));
  return state;
}

}  // namespace sluice::desired
