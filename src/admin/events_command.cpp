// events: what has happened, and what happens.
#include <sluice/base/text.h>
#include <sluice/observe/events.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using observe::Events;
using observe::LoggedEvent;

constexpr size_t kPortion = 64;  // events that a follower is written at a time

json::Value json_of(const LoggedEvent& event) {
  auto parts = observe::parts_of(event.text);
  json::Value json = {{"number", event.number},
                      {"time", observe::event_time(event)},
                      {"level", name(event.level)},
                      {"event", std::move(parts.what)}};
  auto& fields = json["fields"] = json::Value::object();
  for (auto& [key, value] : parts.fields) {
    if (observe::is_number(value)) {
      fields[key] = static_cast<int64_t>(std::stoll(value));
    } else {
      fields[key] = std::move(value);
    }
  }
  return json;
}

Reply list(const Events& events, uint64_t since) {
  Reply reply;
  reply.data["newest"] = events.newest();
  auto& array = reply.data["events"] = json::Value::array();
  for (const LoggedEvent& event : events.since(since)) {
    reply.lines.push_back(observe::event_line(event));
    array.push_back(json_of(event));
  }
  reply.ok = concat({"newest=", std::to_string(events.newest())});
  return reply;
}

/// What a follower was too slow for is a gap in the numbers, and not kept for it.
class Follower {
 public:
  Follower(Events& events, Events::Subscription place, uint64_t since)
      : events_(events), place_(std::move(place)), last_(since) {}

  std::string take(bool as_json) {
    std::string text;
    for (const LoggedEvent& event : events_.since(last_, kPortion)) {
      text += (as_json ? dumped(json_of(event)) : observe::event_line(event)) + "\n";
      last_ = event.number;
    }
    return text;
  }
  Wait when_more(std::function<void()> callback) { return events_.when_after(last_, std::move(callback)); }

 private:
  Events& events_;
  Events::Subscription place_;
  uint64_t last_;
};

}  // namespace

CommandResult events(Context& context, const Command& command, OnReply) {
  Events* const events = context.server->events();
  if (events == nullptr) return refuse({.code = ErrorCode::failed, .message = "no events are kept here"});
  uint64_t since = command.has("--follow") ? events->newest() : 0;
  if (command.has("--since")) {
    const auto number = parse_unsigned(command.option("--since"));
    if (!number) return refuse_usage("expected the number of an event behind --since");
    // A number yet to come is of a process that has crashed since: every event is new to this client.
    since = *number > events->newest() ? 0 : *number;
  }
  if (!command.has("--follow")) return now(list(*events, since));
  auto place = events->follow();
  if (place == nullptr) {
    return refuse({.code = ErrorCode::failed,
                   .message = concat({std::to_string(Events::kMostFollowers),
                                      " sessions follow the events already: end one of them"})});
  }
  const auto follower = std::make_shared<Follower>(*events, std::move(place), since);
  return {.stream = Stream{
              .take = [follower](bool as_json) { return follower->take(as_json); },
              .when_more = [follower](auto callback) { return follower->when_more(std::move(callback)); }}};
}

}  // namespace sluice::admin
