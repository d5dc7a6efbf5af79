// `counters`: what did not go smoothly, by pool, version and cause.
#include "admin/counters_command.h"

#include <sluice/base/log.h>
#include <sluice/base/text.h>

#include "admin/commands.h"

namespace sluice::admin {

using observe::Event;

EventSums sum_events(const observe::TallySums& tallies, std::string_view pool) {
  EventSums sums;
  for (const auto& [key, count] : tallies) {
    if (pool.empty() || key.pool == pool) sums.by_event[static_cast<size_t>(key.event)] += count;
  }
  return sums;
}

std::string event_words(const EventSums& sums) {
  std::string words;
  for (size_t i = 0; i < observe::kEvents; ++i) {
    words += field(observe::name(static_cast<Event>(i)), static_cast<long long>(sums.by_event[i]));
  }
  return words;
}

void add_events(const EventSums& sums, json::Value& json) {
  for (size_t i = 0; i < observe::kEvents; ++i) {
    json[std::string(observe::name(static_cast<Event>(i)))] = sums.by_event[i];
  }
}

/// Also of a pool that is gone: what was counted stays.
Reply counters(control::Server& server, std::string_view pool) {
  const observe::Totals totals = server.totals();
  Reply reply;
  reply.data["counters"] = json::Value::array();
  bool is_known = pool.empty() || server.config().pools.contains(pool);
  for (const auto& [key, count] : totals.tallies) {
    if (!pool.empty() && key.pool != pool) continue;
    is_known = true;
    std::string line = std::string(observe::name(key.event));
    if (!key.pool.empty()) line += field("pool", key.pool);
    if (!key.version.empty()) line += field("version", key.version);
    reply.lines.push_back(line +
                          concat({" cause=", key.cause, field("count", static_cast<long long>(count))}));
    reply.data["counters"].push_back({{"event", observe::name(key.event)},
                                      {"pool", key.pool},
                                      {"version", key.version},
                                      {"cause", key.cause},
                                      {"count", count}});
  }
  if (is_known) return reply;
  return Reply::failed({.code = ErrorCode::not_found, .message = concat({"no pool \"", pool, "\""})});
}

}  // namespace sluice::admin
