// `generation list`: which generations there are, and what holds those that drain.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"
#include "admin/drain_report.h"

namespace sluice::admin {
namespace {

using control::GenerationInfo;

std::string_view state_of(const GenerationInfo& info) {
  return info.is_current ? "current" : "draining";
}

std::string line_of(const GenerationInfo& info) {
  const auto count = [](size_t size) { return static_cast<long long>(size); };
  std::string line =
      concat({std::to_string(info.number), " ", state_of(info), " cause=", info.cause,
              " age=", config::duration_text(info.age), " in_flight=", std::to_string(info.in_flight)});
  if (info.tunnels > 0) line += field("tunnels", count(info.tunnels));
  if (info.carried_over > 0) line += field("from_earlier", count(info.carried_over));
  return line;
}

Reply report(const std::vector<GenerationInfo>& infos) {
  Reply reply;
  reply.data["generations"] = json::Value::array();
  for (const auto& info : infos) {
    reply.lines.push_back(line_of(info));
    json::Value entry = {{"number", info.number},      {"cause", info.cause},
                         {"age_ms", info.age.count()}, {"in_flight", info.in_flight},
                         {"tunnels", info.tunnels},    {"from_earlier", info.carried_over},
                         {"state", state_of(info)}};
    if (!info.is_current) {
      entry["held_by"] = json::Value::array();
      for (const auto& holder : info.holders) {
        reply.lines.push_back(holder_line(holder));
        entry["held_by"].push_back(holder_json(holder));
      }
      const size_t more = info.in_flight - std::min(info.in_flight, info.holders.size());
      if (more > 0) reply.lines.push_back(concat({"  and ", std::to_string(more), " more"}));
    }
    reply.data["generations"].push_back(std::move(entry));
  }
  return reply;
}

}  // namespace

CommandResult generation_list(control::Server& server, OnReply on_reply) {
  return {.wait = server.ask_generations(
              [on_reply = std::move(on_reply)](const std::vector<GenerationInfo>& infos) {
                on_reply(report(infos));
              })};
}

}  // namespace sluice::admin
