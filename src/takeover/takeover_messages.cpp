#include "takeover/takeover_messages.h"

#include <sluice/base/text.h>
#include <sluice/json/value.h>

#include <algorithm>
#include <array>
#include <utility>

#include "takeover/takeover_json.h"
#include "takeover/totals_json.h"

namespace sluice::takeover {
namespace {

using upstream::HealthState;

constexpr std::array<std::string_view, 3> kKinds = {"listener", "admin", "state_lock"};
constexpr std::array kHealthStates = {HealthState::starting, HealthState::healthy, HealthState::draining,
                                      HealthState::down};

// ---- out

Json json_of(const HelloMessage& hello) {
  return {{"message", "hello"},
          {"newest", hello.newest},
          {"oldest", hello.oldest},
          {"sluice", hello.sluice},
          {"binary", hello.binary},
          {"process", hello.process},
          {"comes_back", hello.comes_back}};
}

Json json_of(const SocketsMessage& message) {
  Json sockets = Json::array();
  for (const auto& socket : message.sockets) {
    sockets.push_back({{"kind", kKinds[static_cast<size_t>(socket.kind)]},
                       {"name", socket.name},
                       {"index", socket.index},
                       {"lent", socket.lent}});
  }
  return {{"message", "sockets"}, {"sockets", std::move(sockets)}};
}

Json places_json(const config::ResolvedNames& places) {
  Json list = Json::array();
  for (const auto& [name, of_name] : places) {
    for (const auto& place : of_name) {
      list.push_back({{"name", name},
                      {"address", place.address.text()},
                      {"weight", place.weight},
                      {"priority", place.priority}});
    }
  }
  return list;
}

Json events_json(const std::vector<observe::LoggedEvent>& events) {
  Json list = Json::array();
  for (const auto& event : events) {
    list.push_back({event.number, event.time.time_since_epoch().count(), name(event.level), event.text});
  }
  return list;
}

/// What there is to say of it: most have nothing.
void add_standing(const upstream::HealthRecord& standing, Json& backend) {
  if (standing.ejections > 0) backend["ejections"] = standing.ejections;
  if (standing.ejected > Duration::zero()) backend["ejected_ms"] = standing.ejected.count();
  if (standing.held_draining > Duration::zero()) {
    backend["held_draining_ms"] = standing.held_draining.count();
  }
  if (standing.warming > Duration::zero()) backend["warming_ms"] = standing.warming.count();
  if (!standing.cause.empty()) backend["cause"] = standing.cause;
}

Json saved_json(const desired::SavedState& state) {
  const auto text = desired::state_text(state);
  return text ? Json::parse(*text).value_or(nullptr) : Json();
}

Json json_of(const ChangesMessage& changes) {
  return {{"message", "changes"}, {"saved", saved_json(changes.saved)}};
}

Json json_of(const StateMessage& message) {
  const control::HandedState& state = message.state;
  Json backends = Json::array();
  for (const auto& backend : state.backends) {
    backends.push_back({{"pool", backend.pool},
                        {"address", backend.address.text()},
                        {"health", upstream::name(backend.health)}});
    add_standing(backend.standing, backends.back());
  }
  return {{"message", "state"},
          {"version", message.version},
          {"process", state.process},
          {"saved", saved_json(state.saved)},
          {"reads", state.reads},
          {"backends", std::move(backends)},
          {"places", places_json(state.places)},
          {"events", events_json(state.events)},
          {"listening", Json::Array(state.listening.begin(), state.listening.end())}};
}

Json json_of(const ReadyMessage& ready) {
  return {{"message", "ready"},
          {"listeners", Json::Array(ready.listeners.begin(), ready.listeners.end())},
          {"admin", ready.admin},
          {"room", ready.room},
          {"probation", ready.probation}};
}

Json json_of(const RefusedMessage& refused) {
  return {{"message", "refused"}, {"code", name(refused.code)}, {"text", refused.message}};
}

Json json_of(const ActivateMessage& yours) {
  Json json = {
      {"message", "yours"}, {"totals", totals_json(yours.totals)}, {"predecessors", yours.predecessors}};
  if (yours.stands_by) json["stands_by"] = error_rate_json(*yours.stands_by);
  if (yours.reload) json["reload"] = true;
  if (yours.goodbye) json["goodbye"] = true;
  if (yours.has_lost) json["has_lost"] = true;
  if (yours.stops > 0) json["stops"] = yours.stops;
  return json;
}

Json json_of(const AcknowledgeMessage& taken) {
  return acknowledge_json(taken);
}

Json json_of(const HeartbeatMessage& beat) {
  return heartbeat_json(beat);
}

Json json_of(const VerdictMessage& verdict) {
  return verdict_json(verdict);
}

// ---- in

/// History: what is not as it has to be is left out.
void read_events(const Json& json, std::vector<observe::LoggedEvent>& events) {
  if (!json.is_array()) return;
  for (const Json& row : json) {
    const bool is_row = row.is_array() && row.size() == 4 && row[0].is_number_unsigned() &&
                        row[1].is_number() && row[2].is_string() && row[3].is_string();
    if (!is_row) continue;
    observe::LoggedEvent event{.number = row[0].get<uint64_t>(), .text = row[3].get<std::string>()};
    event.time += std::chrono::milliseconds(row[1].get<int64_t>());
    event.level = log_level(row[2].get<std::string>()).value_or(event.level);
    if (events.empty() || events.back().number < event.number) events.push_back(std::move(event));
  }
}

TakeoverMessage read_hello(Members& members) {
  HelloMessage hello;
  members.number("newest", hello.newest);
  members.number("oldest", hello.oldest);
  members.text("sluice", hello.sluice);
  if (members.has("binary")) members.text("binary", hello.binary);
  members.number("process", hello.process);
  if (members.has("comes_back")) members.flag("comes_back", hello.comes_back);
  return hello;
}

TakeoverMessage read_sockets(Members& members) {
  SocketsMessage message;
  for (const Json& json : members.list("sockets")) {
    Members socket(json);
    control::HandedSocket passed;
    std::string kind;
    socket.text("kind", kind);
    socket.text("name", passed.name);
    socket.number("index", passed.index);
    if (socket.has("lent")) socket.flag("lent", passed.lent);
    const auto found = std::ranges::find(kKinds, kind);
    if (!members.check(socket.is_good() && found != kKinds.end())) break;
    passed.kind = static_cast<control::HandedSocket::Kind>(found - kKinds.begin());
    message.sockets.push_back(std::move(passed));
  }
  return message;
}

/// Of a release that knows names.
void read_places(Members& members, config::ResolvedNames& places) {
  if (!members.has("places")) return;
  for (const Json& json : members.list("places")) {
    Members each(json);
    config::ResolvedAddress place;
    std::string name;
    std::string address;
    each.text("name", name);
    each.text("address", address);
    each.number("weight", place.weight);
    each.number("priority", place.priority);
    auto parsed = Address::parse(address);
    if (!members.check(each.is_good() && parsed)) return;
    place.address = *std::move(parsed);
    places[name].push_back(std::move(place));
  }
}

/// Of a release that knows ejection; each member may be missing.
void read_standing(Members& backend, upstream::HealthRecord& standing) {
  const auto time = [&](std::string_view name, Duration& value) {
    uint32_t milliseconds = 0;
    if (backend.has(name)) backend.number(name, milliseconds);
    value = Duration(milliseconds);
  };
  if (backend.has("ejections")) backend.number("ejections", standing.ejections);
  if (backend.has("cause")) backend.text("cause", standing.cause);
  time("ejected_ms", standing.ejected);
  time("held_draining_ms", standing.held_draining);
  time("warming_ms", standing.warming);
}

void read_saved(Members& members, desired::SavedState& state) {
  auto saved = desired::parse_state(members.member("saved").dump());
  if (members.check(saved.has_value())) state = *std::move(saved);
}

TakeoverMessage read_changes(Members& members) {
  ChangesMessage changes;
  read_saved(members, changes.saved);
  return changes;
}

TakeoverMessage read_state(Members& members) {
  StateMessage message;
  members.number("version", message.version);
  control::HandedState& state = message.state;
  members.number("process", state.process);
  read_places(members, state.places);
  read_events(members.member("events"), state.events);
  read_saved(members, state.saved);
  state.reads = desired::kUnsaidState;
  if (members.has("reads")) members.number("reads", state.reads);
  if (members.has("listening")) {
    for (const Json& number : members.list("listening")) {
      if (members.check(number.is_number_unsigned())) state.listening.insert(number.get<uint64_t>());
    }
  }
  for (const Json& json : members.list("backends")) {
    Members backend(json);
    control::HandedHealth passed;
    std::string address;
    std::string health;
    backend.text("pool", passed.pool);
    backend.text("address", address);
    backend.text("health", health);
    read_standing(backend, passed.standing);
    auto parsed = Address::parse(address);
    if (!members.check(backend.is_good() && parsed)) break;
    passed.address = *std::move(parsed);
    for (const auto known : kHealthStates) {
      if (upstream::name(known) == health) passed.health = known;  // An unknown one has to be proven anew.
    }
    state.backends.push_back(std::move(passed));
  }
  return message;
}

TakeoverMessage read_ready(Members& members) {
  ReadyMessage ready;
  members.flag("admin", ready.admin);
  if (members.has("room")) members.number("room", ready.room);
  if (members.has("probation")) members.flag("probation", ready.probation);
  for (const Json& name : members.list("listeners")) {
    if (members.check(name.is_string())) ready.listeners.insert(name.get<std::string>());
  }
  return ready;
}

TakeoverMessage read_refused(Members& members) {
  RefusedMessage refused;
  std::string code;
  members.text("code", code);
  members.text("text", refused.message);
  refused.code = error_code(code);
  return refused;
}

TakeoverMessage read_given(Members& members) {
  return read_connections(members);
}

TakeoverMessage read_answer(Members& members) {
  return read_acknowledge(members);
}

TakeoverMessage read_yours(Members& members) {
  ActivateMessage yours;
  read_totals(members.member("totals"), members, yours.totals);
  members.number("predecessors", yours.predecessors);
  if (members.has("stands_by")) {
    read_error_rate(members.member("stands_by"), members, yours.stands_by.emplace());
  }
  if (members.has("reload")) members.flag("reload", yours.reload);
  if (members.has("goodbye")) members.flag("goodbye", yours.goodbye);
  if (members.has("has_lost")) members.flag("has_lost", yours.has_lost);
  if (members.has("stops")) members.number("stops", yours.stops);
  return yours;
}

TakeoverMessage read_beat_of_it(Members& members) {
  return read_heartbeat(members);
}

TakeoverMessage read_its_verdict(Members& members) {
  return read_verdict(members);
}

struct Reading {
  std::string_view name;
  TakeoverMessage (*read)(Members&);
};
constexpr std::array kMessages = {
    Reading{"hello", read_hello},         Reading{"sockets", read_sockets}, Reading{"state", read_state},
    Reading{"ready", read_ready},         Reading{"refused", read_refused}, Reading{"yours", read_yours},
    Reading{"connections", read_given},   Reading{"taken", read_answer},    Reading{"beat", read_beat_of_it},
    Reading{"verdict", read_its_verdict}, Reading{"changes", read_changes}};

Error malformed(std::string message) {
  return {.code = ErrorCode::malformed, .message = std::move(message)};
}

}  // namespace

Result<std::string> takeover_text(const TakeoverMessage& message) {
  std::string bytes;
  const auto json_with_bytes = [&](const auto& what) {
    if constexpr (std::is_same_v<std::decay_t<decltype(what)>, ConnectionsMessage>) {
      return connections_json(what, bytes);
    } else {
      return json_of(what);
    }
  };
  std::string text = std::visit(json_with_bytes, message).dump();
  if (!bytes.empty()) text += concat({"\n", bytes});
  const auto again = parse_takeover(text);
  if (again && *again == message) return text;
  return Error{.code = ErrorCode::failed, .message = "a name in it cannot be written to the other process"};
}

Result<TakeoverMessage> parse_takeover(std::string_view text) {
  const auto json_end = std::min(text.find('\n'), text.size());
  const Json json = Json::parse(text.substr(0, json_end)).value_or(nullptr);
  std::string_view bytes = text.substr(std::min(json_end + 1, text.size()));
  Members members(json, &bytes);
  std::string kind;
  members.text("message", kind);
  const auto found = std::ranges::find(kMessages, kind, &Reading::name);
  if (!members.is_good() || found == kMessages.end()) {
    return malformed("the other process said what this version does not know");
  }
  TakeoverMessage message = found->read(members);
  if (!members.is_good() || !bytes.empty())
    return malformed(concat({"the other process said a damaged \"", kind, "\""}));
  return message;
}

Result<uint64_t> common_version(const HelloMessage& hello) {
  const uint64_t version = std::min(hello.newest, kNewestTakeover);
  if (version >= hello.oldest && version >= kOldestTakeover) return version;
  const auto range = [](uint64_t oldest, uint64_t newest) {
    return concat({std::to_string(oldest), " to ", std::to_string(newest)});
  };
  return Error{.code = ErrorCode::unsupported,
               .message = concat({"the running process speaks versions ",
                                  range(kOldestTakeover, kNewestTakeover), " of the takeover, the new one ",
                                  range(hello.oldest, hello.newest), ": restart instead"})};
}

}  // namespace sluice::takeover
