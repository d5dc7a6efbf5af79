// The commands that only look.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <unistd.h>

#include <algorithm>
#include <map>

#include "admin/commands.h"
#include "admin/counters_command.h"

namespace sluice::admin {
namespace {

constexpr size_t kMostTold = 20;  // changes that do not apply

std::string number(uint64_t value) {
  return std::to_string(value);
}

struct PoolCounts {
  uint64_t backends = 0;
  uint64_t healthy = 0;
  uint64_t in_flight = 0;
  uint64_t requests = 0;
};

std::map<std::string, PoolCounts> count_pools(const control::Server& server) {
  std::map<std::string, PoolCounts> counts;
  for (const auto& [name, pool] : server.config().pools) counts[name] = {};
  for (const auto& info : server.backends("")) {
    PoolCounts& pool = counts[info.pool];
    ++pool.backends;
    pool.healthy += info.health == "healthy" ? 1 : 0;
    pool.in_flight += info.state->in_flight();
    pool.requests += info.state->requests();
  }
  return counts;
}

json::Value requests_json(const observe::Totals& totals) {
  json::Value requests = {{"accepted", totals.accepted}};
  json::Value failed = json::Value::object();
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    const auto disposition = static_cast<observe::Disposition>(i);
    auto& place = observe::is_failed(disposition) ? failed : requests;
    place[std::string(observe::name(disposition))] = totals.ended[i];
  }
  requests["failed"] = std::move(failed);
  return requests;
}

std::string requests_line(const observe::Totals& totals) {
  std::string line = "requests" + field("accepted", static_cast<long long>(totals.accepted));
  for (size_t i = 0; i < observe::kDispositions; ++i) {
    const auto disposition = static_cast<observe::Disposition>(i);
    if (observe::is_failed(disposition) && totals.ended[i] == 0) continue;
    line += field(observe::name(disposition), static_cast<long long>(totals.ended[i]));
  }
  return line + field("retries", static_cast<long long>(totals.retries)) +
         event_words(sum_events(totals.tallies, {}));
}

/// The admin's changes: how many, where they are kept, and those that do not apply.
void add_changes(const control::Server& server, Reply& reply) {
  const desired::DesiredState& desired = server.desired();
  const std::string& path = server.config().server.state_file;
  const std::string where = path.empty() ? "none, they end with the process" : path;
  std::vector<std::string> waiting;
  for (const auto& [change, cause] : desired.describe()) {
    if (!cause.empty()) waiting.push_back(change + field("cause", cause));
  }
  const auto count = [](size_t size) { return static_cast<long long>(size); };
  reply.lines.push_back("changes" + field("admin", count(desired.changes().size())) +
                        field("not_applying", count(waiting.size())) + field("state_file", where));
  reply.data["changes"] = {
      {"admin", desired.changes().size()}, {"not_applying", waiting}, {"state_file", nullptr}};
  if (!path.empty()) reply.data["changes"]["state_file"] = path;
  const size_t told = std::min(waiting.size(), kMostTold);
  for (size_t i = 0; i < told; ++i) reply.lines.push_back(concat({"not_applying ", waiting[i]}));
}

/// How far the probes of backends keep up with their intervals.
void add_probes(const control::Server& server, Reply& reply) {
  const auto probes = server.probes();
  reply.lines.push_back("probes" + field("made", static_cast<long long>(probes.begun)) +
                        field("under_way", static_cast<long long>(probes.under_way)) +
                        field("waiting", static_cast<long long>(probes.waiting)) +
                        field("late_ms", static_cast<long long>(probes.late.count())));
  reply.data["probes"] = {{"made", probes.begun},
                          {"under_way", probes.under_way},
                          {"waiting", probes.waiting},
                          {"late_ms", probes.late.count()}};
}

/// Where the process logs, and what could not be written there.
void add_logs(const control::Server& server, Reply& reply) {
  const auto& settings = server.config().server;
  const auto add = [&reply](std::string_view key, const std::string& path, const control::LogLosses& losses) {
    std::string line =
        concat({key, field("path", path), field("lost_lines", static_cast<long long>(losses.lines))});
    json::Value json = {{"path", path}, {"lost_lines", losses.lines}};
    if (!losses.cause.empty()) {
      line += field("cause", losses.cause);
      json["cause"] = losses.cause;
    }
    reply.lines.push_back(std::move(line));
    reply.data[std::string(key)] = std::move(json);
  };
  add("log", settings.log.path, server.log_losses());
  const auto access = server.access_log_losses();
  if (settings.access_log || access.lines > 0) {
    add("access_log", settings.access_log ? settings.access_log->path : "none", access);
  }
}

/// ` waiting=3/1024 oldest=970ms`
std::string queue_words(const control::Server& server, const std::string& pool) {
  const auto queue = server.queue(pool);
  std::string words = concat({" waiting=", number(queue.waiting), "/", number(queue.most)});
  if (queue.oldest) words += field("oldest", config::duration_text(*queue.oldest));
  return words;
}

void add_queue(const control::Server& server, const std::string& pool, json::Value& json) {
  const auto queue = server.queue(pool);
  json["waiting"] = queue.waiting;
  json["most_waiting"] = queue.most;
  if (queue.oldest) json["oldest_waits_ms"] = queue.oldest->count();
}

/// The process before this one, while it finishes what it had.
void tell_predecessor(const control::Predecessor& predecessor, Reply& reply) {
  const std::string what = predecessor.stands_by ? "standby process" : "draining process";
  reply.lines.push_back(what + field("pid", predecessor.process) +
                        field("connections", static_cast<long long>(predecessor.totals.connections)) +
                        field("processes_before_it", static_cast<long long>(predecessor.earlier)));
  reply.data["predecessor"] = {{"pid", predecessor.process},
                               {"connections", predecessor.totals.connections},
                               {"stands_by", predecessor.stands_by},
                               {"predecessors", predecessor.earlier}};
}

}  // namespace

Reply status(const Context& context) {
  const control::Server& server = *context.server;
  Reply reply;
  const observe::Totals totals = server.totals();
  const std::string state = server.is_stopping() ? "stopping" : "running";
  reply.lines.push_back(
      concat({"sluice ", SLUICE_VERSION, " ", state, " pid=", number(static_cast<uint64_t>(getpid())),
              " uptime=", config::duration_text(server.uptime()), " generation=", number(server.generation()),
              " workers=", number(server.config().server.workers)}));
  if (server.leaving_workers() > 0) {
    reply.lines.back() += field("leaving_workers", static_cast<long long>(server.leaving_workers()));
  }
  reply.data = {{"version", SLUICE_VERSION},
                {"state", state},
                {"pid", getpid()},
                {"uptime_ms", server.uptime().count()},
                {"generation", server.generation()},
                {"workers", server.config().server.workers},
                {"leaving_workers", server.leaving_workers()},
                {"listeners", json::Value::array()},
                {"pools", json::Value::array()},
                {"connections", totals.connections},
                {"max_connections", server.config().server.max_connections},
                {"connections_accepted", totals.connections_accepted},
                {"connections_displaced", totals.connections_displaced},
                {"requests", requests_json(totals)},
                {"retries", totals.retries}};
  add_events(sum_events(totals.tallies, {}), reply.data);
  for (const auto& listener : server.listeners()) {
    const std::string address = listener.address.text();
    reply.lines.push_back("listener" + field("name", listener.name) + field("address", address));
    reply.data["listeners"].push_back({{"name", listener.name}, {"address", address}});
  }
  if (const auto* last = server.predecessors().last()) tell_predecessor(*last, reply);
  add_probation(context, reply);
  for (const auto& [name, pool] : count_pools(server)) {
    reply.lines.push_back(
        concat({"pool ", name, " healthy=", number(pool.healthy), "/", number(pool.backends),
                queue_words(server, name), pause_words(server, name)}));
    reply.data["pools"].push_back({{"name", name}, {"backends", pool.backends}, {"healthy", pool.healthy}});
    add_queue(server, name, reply.data["pools"].back());
  }
  reply.lines.push_back("connections" + field("open", static_cast<long long>(totals.connections)) +
                        field("most", static_cast<long long>(server.config().server.max_connections)) +
                        field("accepted", static_cast<long long>(totals.connections_accepted)) +
                        field("closed_for_new_ones", static_cast<long long>(totals.connections_displaced)));
  reply.lines.push_back(requests_line(totals));
  add_probes(server, reply);
  add_logs(server, reply);
  add_changes(server, reply);
  return reply;
}

namespace {

std::string pool_line(const std::string& name, const config::Pool& pool, const PoolCounts& counts) {
  return concat({name, " balance=", config::text(pool.balance.policy), " healthy=", number(counts.healthy),
                 "/", number(counts.backends), " in_flight=", number(counts.in_flight),
                 " requests=", number(counts.requests)});
}

json::Value pool_json(const std::string& name, const config::Pool& pool, const PoolCounts& counts) {
  return {{"name", name},
          {"balance", config::text(pool.balance.policy)},
          {"backends", counts.backends},
          {"healthy", counts.healthy},
          {"in_flight", counts.in_flight},
          {"requests", counts.requests}};
}

std::string standing_words(const upstream::HealthRecord& standing) {
  std::string words;
  if (standing.ejections > 0) words += field("ejections", standing.ejections);
  if (standing.ejected > Duration::zero()) {
    words += field("ejected_for", config::duration_text(standing.ejected));
  }
  if (standing.held_draining > Duration::zero()) {
    words += field("draining_for", config::duration_text(standing.held_draining));
  }
  if (standing.warming > Duration::zero()) {
    words += field("warming_for", config::duration_text(standing.warming));
  }
  if (standing.is_flapping) words += concat({" flapping", field("passes_needed", standing.passes_needed)});
  return words;
}

/// Settings that few backends have are shown only for those.
std::string backend_words(const control::BackendInfo& info) {
  const config::Backend& backend = info.backend;
  std::string line =
      concat({backend.address.text(), " ", info.health, " weight=", number(backend.weight),
              " in_flight=", number(info.state->in_flight()), " requests=", number(info.state->requests()),
              " failures=", number(info.state->failures())});
  if (backend.max_requests != 0) line += concat({" max_requests=", number(backend.max_requests)});
  if (backend.priority != 0) line += concat({" priority=", number(backend.priority)});
  if (!backend.zone.empty()) line += field("zone", backend.zone);
  if (!backend.name.empty()) line += field("name", backend.name);
  if (!backend.version.empty()) line += field("version", backend.version);
  line += standing_words(info.standing);
  if (!info.cause.empty()) line += field("cause", info.cause);
  return line;
}

json::Value backend_json(const control::BackendInfo& info) {
  const upstream::HealthRecord& standing = info.standing;
  return {{"pool", info.pool},
          {"address", info.backend.address.text()},
          {"state", info.health},
          {"weight", info.backend.weight},
          {"max_requests", info.backend.max_requests},
          {"priority", info.backend.priority},
          {"zone", info.backend.zone},
          {"name", info.backend.name},
          {"version", info.backend.version},
          {"in_flight", info.state->in_flight()},
          {"requests", info.state->requests()},
          {"failures", info.state->failures()},
          {"ejections", standing.ejections},
          {"ejected_ms", standing.ejected.count()},
          {"held_draining_ms", standing.held_draining.count()},
          {"warming_ms", standing.warming.count()},
          {"flapping", standing.is_flapping},
          {"passes_needed", standing.passes_needed},
          {"cause", info.cause}};
}

Reply no_pool(std::string_view pool) {
  return Reply::failed({.code = ErrorCode::not_found, .message = concat({"no pool \"", pool, "\""})});
}

}  // namespace

Reply pool_list(control::Server& server) {
  Reply reply;
  reply.data["pools"] = json::Value::array();
  const auto& pools = server.config().pools;
  for (const auto& [name, counts] : count_pools(server)) {
    reply.lines.push_back(pool_line(name, *pools.at(name), counts) + queue_words(server, name) +
                          pause_words(server, name));
    reply.data["pools"].push_back(pool_json(name, *pools.at(name), counts));
    add_queue(server, name, reply.data["pools"].back());
    reply.data["pools"].back()["paused"] = pause_json(server, name);
  }
  return reply;
}

Reply pool_show(control::Server& server, const std::string& name) {
  const auto found = server.config().pools.find(name);
  if (found == server.config().pools.end()) return no_pool(name);
  const config::Pool& pool = *found->second;
  const PoolCounts counts = count_pools(server).at(name);
  const EventSums events = sum_events(server.totals().tallies, name);
  Reply reply;
  reply.lines = {pool_line(name, pool, counts) + event_words(events) + queue_words(server, name) +
                     pause_words(server, name),
                 concat({"balance = ", config::balance_text(pool.balance)}),
                 concat({"probe = ", config::probe_text(pool.health)})};
  reply.data = pool_json(name, pool, counts);
  add_events(events, reply.data);
  reply.data["paused"] = pause_json(server, name);
  reply.data["settings"] = {{"balance", config::balance_text(pool.balance)},
                            {"probe", config::probe_text(pool.health)}};
  add_queue(server, name, reply.data);
  add_names(server, pool, reply);
  reply.data["backends"] = json::Value::array();
  for (const auto& info : server.backends(name)) {
    reply.lines.push_back(concat({"backend ", backend_words(info)}));
    reply.data["backends"].push_back(backend_json(info));
  }
  return reply;
}

Reply backend_list(control::Server& server, std::string_view pool) {
  if (!pool.empty() && !server.config().pools.contains(pool)) return no_pool(pool);
  Reply reply;
  reply.data["backends"] = json::Value::array();
  for (const auto& info : server.backends(pool)) {
    reply.lines.push_back(concat({info.pool, " ", backend_words(info)}));
    reply.data["backends"].push_back(backend_json(info));
  }
  return reply;
}

}  // namespace sluice::admin
