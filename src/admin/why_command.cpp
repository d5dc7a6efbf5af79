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

/// What all workers know.
struct Found {
  std::vector<RequestRecord> ended{};  ///< the newest first
  std::optional<proxy::Holder> running{};
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
  std::string line = concat({"request", field("id", record.id.view()),
                             field("request", record.request.view()), field("client", record.client.view())});
  if (!record.pool.view().empty()) line += field("pool", record.pool.view());
  line += concat({field("generation", count(record.generation)),
                  " disposition=", name(entry(record.cause).disposition),
                  outcome_words(record.cause, record.status), field("attempts", count(record.attempts))});
  if (record.waits > 0) line += field("waits", record.waits) + field("held_ms", milliseconds(record.held));
  return line + concat({field("took_ms", milliseconds(record.ended - record.began)),
                        field("sent", count(record.sent)), field("received", count(record.received)),
                        " ago=", config::duration_text(ago(record.ended))});
}

std::string line_of(const AttemptRecord& attempt, TimePoint began) {
  return concat({"  attempt", field("backend", attempt.backend.text()),
                 field("after_ms", milliseconds(attempt.began - began)),
                 field("took_ms", milliseconds(attempt.ended - attempt.began)), " connection=",
                 attempt.dialed ? "new" : "reused", outcome_words(attempt.cause, attempt.status)});
}

nlohmann::ordered_json json_of(const RequestRecord& record) {
  nlohmann::ordered_json json = {{"id", record.id.view()},
                                 {"request", record.request.view()},
                                 {"client", record.client.view()},
                                 {"pool", record.pool.view()},
                                 {"generation", record.generation},
                                 {"disposition", name(entry(record.cause).disposition)},
                                 {"cause", name(record.cause)},
                                 {"details", entry(record.cause).details},
                                 {"status", record.status},
                                 {"attempts", record.attempts},
                                 {"waits", record.waits},
                                 {"held_ms", record.held.count()},
                                 {"took_ms", (record.ended - record.began).count()},
                                 {"sent", record.sent},
                                 {"received", record.received},
                                 {"ago_ms", ago(record.ended).count()},
                                 {"attempt", nlohmann::ordered_json::array()}};
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

void tell_running(const std::string& id, const proxy::Holder& holder, Reply& reply) {
  reply.lines.push_back(
      concat({"request", field("id", id), field("request", holder.request), field("client", holder.client),
              field("pool", holder.pool), field("backend", holder.backend), " doing=", holder.doing,
              " age=", config::duration_text(holder.age)}));
  reply.data["running"] = {{"request", holder.request}, {"client", holder.client},
                           {"pool", holder.pool},       {"backend", holder.backend},
                           {"doing", holder.doing},     {"age_ms", holder.age.count()}};
}

Reply report(const Found& found, bool with_attempts) {
  Reply reply;
  reply.data["requests"] = nlohmann::ordered_json::array();
  for (const RequestRecord& record : found.ended) {
    reply.lines.push_back(line_of(record));
    reply.data["requests"].push_back(json_of(record));
    if (!with_attempts) continue;
    if (const auto details = entry(record.cause).details; !details.empty()) {
      reply.lines.push_back(concat({"  ", details}));
    }
    for (size_t i = 0; i < record.kept; ++i) reply.lines.push_back(line_of(record.attempt[i], record.began));
  }
  return reply;
}

Reply not_known(const config::RecentRequests& kept) {
  return Reply::failed(
      {.code = ErrorCode::not_found,
       .message = concat({"no such request among those that are kept: each worker keeps the last ",
                          std::to_string(kept.notable),
                          " that failed, were tried again, had to wait or were slow, and the last ",
                          std::to_string(kept.others), " others ([recent_requests])"})});
}

Outcome list_notable(lifecycle::Server& server, OnReply on_reply) {
  const auto found = std::make_shared<Found>();
  const auto ask = [found](const proxy::Service& service) {
    return [found, more = service.recent().newest_notable(kMostListed)] {
      std::ranges::copy(more, std::back_inserter(found->ended));
    };
  };
  return {.wait = server.ask_each_worker(ask, [found, on_reply = std::move(on_reply)] {
    keep_newest(found->ended, kMostListed);
    on_reply(report(*found, false));
  })};
}

}  // namespace

Outcome why(Context& context, const Command& command, OnReply on_reply) {
  lifecycle::Server& server = *context.server;
  if (command.words.size() == 1) return list_notable(server, std::move(on_reply));
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
    if (found->running) tell_running(id, *found->running, reply);
    on_reply(reply);
  })};
}

}  // namespace sluice::admin
