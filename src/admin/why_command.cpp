// `why`: what happened to a recent request, from its beginning to its end.
#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using proxy::AttemptRecord;
using proxy::RequestRecord;

constexpr size_t kMostById = 5;  // clients that may choose ids may choose one twice
constexpr size_t kMostListed = 20;
constexpr size_t kMostAsked = 10'000;

/// What all workers know.
struct Found {
  std::vector<RequestRecord> ended{};  ///< the newest first
  std::optional<proxy::InFlightInfo> running{};
};

long long count(uint64_t value) {
  return static_cast<long long>(value);
}

long long milliseconds(Duration duration) {
  return static_cast<long long>(duration.count());
}

Duration ago(TimePoint then) {
  return std::chrono::floor<Duration>(std::chrono::steady_clock::now()) - then;
}

void keep_newest(std::vector<RequestRecord>& records, size_t most) {
  std::ranges::stable_sort(records, std::ranges::greater(), &RequestRecord::ended);
  if (records.size() > most)
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(most), records.end());
}

std::string outcome_words(observe::Cause cause, int status) {
  std::string words = concat({" cause=", name(cause)});
  return status == 0 ? words : words + field("status", status);
}

std::string line_of(const RequestRecord& record) {
  std::string line = concat({"request", field("id", record.id()), field("request", record.request()),
                             field("client", record.client())});
  if (!record.pool().empty()) line += field("pool", record.pool());
  line += concat({field("generation", count(record.generation)),
                  " disposition=", name(entry(record.cause).disposition),
                  outcome_words(record.cause, record.status), field("attempts", count(record.attempts))});
  if (record.waits > 0) line += field("waits", record.waits) + field("held_ms", milliseconds(record.held));
  line += concat({field("took_ms", milliseconds(record.ended - record.began)),
                  field("sent", count(record.sent)), field("received", count(record.received))});
  if (record.response_fields > 0) line += field("response_fields", count(record.response_fields));
  return line + concat({" ago=", config::duration_text(ago(record.ended))});
}

std::string line_of(const AttemptRecord& attempt, TimePoint began) {
  return concat({"  attempt", field("backend", attempt.backend.text()),
                 field("after_ms", milliseconds(attempt.began - began)),
                 field("took_ms", milliseconds(attempt.ended - attempt.began)), " connection=",
                 attempt.dialed ? "new" : "reused", outcome_words(attempt.cause, attempt.status)});
}

json::Value json_of(const RequestRecord& record) {
  json::Value json = {{"id", record.id()},
                      {"request", record.request()},
                      {"client", record.client()},
                      {"pool", record.pool()},
                      {"generation", record.generation},
                      {"disposition", name(entry(record.cause).disposition)},
                      {"cause", name(record.cause)},
                      {"details", entry(record.cause).details},
                      {"refused", record.refused()},
                      {"status", record.status},
                      {"attempts", record.attempts},
                      {"waits", record.waits},
                      {"held_ms", record.held.count()},
                      {"took_ms", (record.ended - record.began).count()},
                      {"sent", record.sent},
                      {"received", record.received},
                      {"response_fields", record.response_fields},
                      {"ago_ms", ago(record.ended).count()},
                      {"attempt", json::Value::array()}};
  for (size_t i = 0; i < record.kept; ++i) {
    const AttemptRecord& attempt = record.attempt[i];
    json["attempt"].push_back({{"backend", attempt.backend.text()},
                               {"after_ms", (attempt.began - record.began).count()},
                               {"took_ms", (attempt.ended - attempt.began).count()},
                               {"connection", attempt.dialed ? "new" : "reused"},
                               {"cause", name(attempt.cause)},
                               {"status", attempt.status}});
  }
  return json;
}

void tell_running(const std::string& id, const proxy::InFlightInfo& holder, Reply& reply) {
  reply.lines.push_back(
      concat({"request", field("id", id), field("request", holder.request), field("client", holder.client),
              field("pool", holder.pool), field("backend", holder.backend), " doing=", holder.phase,
              " age=", config::duration_text(holder.age)}));
  reply.data["running"] = {{"request", holder.request}, {"client", holder.client},
                           {"pool", holder.pool},       {"backend", holder.backend},
                           {"doing", holder.phase},     {"age_ms", holder.age.count()}};
}

Reply report(const Found& found, bool with_attempts) {
  Reply reply;
  reply.data["requests"] = json::Value::array();
  for (const RequestRecord& record : found.ended) {
    reply.lines.push_back(line_of(record));
    reply.data["requests"].push_back(json_of(record));
    if (!with_attempts) continue;
    if (const auto details = entry(record.cause).details; !details.empty()) {
      reply.lines.push_back(concat({"  ", details}));
    }
    if (!record.refused().empty()) {
      reply.lines.push_back(concat({"  the answer that was refused:", field("rule", record.refused())}));
    }
    for (size_t i = 0; i < record.kept; ++i) reply.lines.push_back(line_of(record.attempt[i], record.began));
  }
  return reply;
}

/// Of one that no backend took: what its pool's backends are now, and what their probes say.
void add_backends(const control::Server& server, const RequestRecord& record, Reply& reply) {
  if (entry(record.cause).disposition != observe::Disposition::failed_unavailable) return;
  const std::string pool(record.pool());
  const auto found = server.config().pools.find(pool);
  if (found == server.config().pools.end()) return;
  const std::string probe = config::probe_text(found->second->health);
  reply.lines.push_back(concat({"  now", field("pool", pool), field("probe", probe)}));
  json::Value list = json::Value::array();
  for (const auto& info : server.backends(pool)) {
    const std::string address = info.backend.address.text();
    std::string line = concat({"  now", field("backend", address), field("state", info.health)});
    json::Value json = {{"address", address}, {"state", info.health}};
    if (!info.cause.empty()) {
      line += field("cause", info.cause);
      json["cause"] = info.cause;
    }
    reply.lines.push_back(std::move(line));
    list.push_back(std::move(json));
  }
  reply.data["pool_now"] = {{"pool", pool}, {"probe", probe}, {"backends", std::move(list)}};
}

Reply not_known(const config::RecentRequests& kept) {
  return Reply::failed(
      {.code = ErrorCode::not_found,
       .message = concat({"no such request among those that are kept: each worker keeps the last ",
                          std::to_string(kept.notable),
                          " that failed, were tried again, had to wait or were slow, and the last ",
                          std::to_string(kept.others), " others ([recent_requests])"})});
}

/// Which requests the listing is of.
struct Filter {
  bool only_failed = false;
  std::string pool{};
  TimePoint since{};
  size_t limit = kMostListed;
};

Result<Filter> parse_filter(const Command& command) {
  const auto usage = [](std::string message) {
    return Error{.code = ErrorCode::usage, .message = std::move(message)};
  };
  Filter filter{.only_failed = command.has("--failed"), .pool = std::string(command.option("--pool"))};
  if (command.has("--since")) {
    const auto time = config::parse_duration(command.option("--since"));
    if (!time) return usage(time.error().message);
    filter.since = std::chrono::floor<Duration>(std::chrono::steady_clock::now()) - *time;
  }
  if (command.has("--limit")) {
    const auto limit = parse_unsigned(command.option("--limit"));
    if (!limit || *limit == 0 || *limit > kMostAsked) {
      return usage(concat({"expected --limit NUMBER, 1 to ", std::to_string(kMostAsked)}));
    }
    filter.limit = *limit;
  }
  return filter;
}

/// Those that failed come first, however old they are.
CommandResult list_notable(control::Server& server, Filter filter, OnReply on_reply) {
  using Which = proxy::RecentRequests::Which;
  const auto failed = std::make_shared<Found>();
  const auto others = std::make_shared<Found>();
  const auto ask = [failed, others, filter](const proxy::Service& service) {
    const auto newest = [&](Which which) {
      return service.recent().newest_notable(filter.limit, which, filter.pool, filter.since);
    };
    return [failed, others, more = newest(Which::failed),
            rest = filter.only_failed ? std::vector<RequestRecord>() : newest(Which::others)] {
      std::ranges::copy(more, std::back_inserter(failed->ended));
      std::ranges::copy(rest, std::back_inserter(others->ended));
    };
  };
  return {.wait = server.ask_each_worker(ask, [failed, others, filter, on_reply = std::move(on_reply)] {
    keep_newest(failed->ended, filter.limit);
    keep_newest(others->ended, filter.limit - failed->ended.size());
    std::ranges::copy(others->ended, std::back_inserter(failed->ended));
    on_reply(report(*failed, false));
  })};
}

}  // namespace

CommandResult why(Context& context, const Command& command, OnReply on_reply) {
  control::Server& server = *context.server;
  if (command.words.size() == 1) {
    auto filter = parse_filter(command);
    if (!filter) return refuse(std::move(filter).error());
    return list_notable(server, *std::move(filter), std::move(on_reply));
  }
  if (command.options.size() > (command.json ? 1 : 0)) {
    return refuse_usage("expected either a request's id or options that choose among requests");
  }
  const std::string& id = command.words[1];
  const auto found = std::make_shared<Found>();
  const auto ask = [found, id](const proxy::Service& service) {
    return [found, more = service.recent().find(id, kMostById), running = service.running(id)] {
      std::ranges::copy(more, std::back_inserter(found->ended));
      if (running) found->running = running;
    };
  };
  return {.wait = server.ask_each_worker(ask, [&server, id, found, on_reply = std::move(on_reply)] {
    keep_newest(found->ended, kMostById);
    if (found->ended.empty() && !found->running) return on_reply(not_known(server.config().recent_requests));
    Reply reply = report(*found, true);
    if (!found->ended.empty()) add_backends(server, found->ended.front(), reply);
    if (found->running) tell_running(id, *found->running, reply);
    on_reply(reply);
  })};
}

}  // namespace sluice::admin
