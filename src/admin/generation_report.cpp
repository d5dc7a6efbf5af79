// `generation list`: which generations there are, and what holds those that drain.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using lifecycle::GenerationInfo;

std::string_view state_of(const GenerationInfo& info) {
  return info.is_current ? "current" : "draining";
}

std::string line_of(const GenerationInfo& info) {
  const auto count = [](size_t size) { return static_cast<long long>(size); };
  std::string line =
      concat({std::to_string(info.number), " ", state_of(info), " cause=", info.cause,
              " age=", config::duration_text(info.age), " in_flight=", std::to_string(info.in_flight)});
  if (info.tunnels > 0) line += field("tunnels", count(info.tunnels));
  if (info.earlier > 0) line += field("from_earlier", count(info.earlier));
  return line;
}

std::string line_of(const proxy::Holder& holder) {
  std::string line = concat({"  held_by", field("client", holder.client)});
  if (!holder.pool.empty()) line += field("pool", holder.pool);
  if (!holder.backend.empty()) line += field("backend", holder.backend);
  return line + concat({" doing=", holder.doing, " age=", config::duration_text(holder.age),
                        field("request", holder.request)});
}

nlohmann::ordered_json json_of(const proxy::Holder& holder) {
  return {{"client", holder.client}, {"pool", holder.pool},          {"backend", holder.backend},
          {"doing", holder.doing},   {"age_ms", holder.age.count()}, {"request", holder.request}};
}

Reply report(const std::vector<GenerationInfo>& infos) {
  Reply reply;
  reply.data["generations"] = nlohmann::ordered_json::array();
  for (const auto& info : infos) {
    reply.lines.push_back(line_of(info));
    nlohmann::ordered_json entry = {{"number", info.number},      {"cause", info.cause},
                                    {"age_ms", info.age.count()}, {"in_flight", info.in_flight},
                                    {"tunnels", info.tunnels},    {"from_earlier", info.earlier},
                                    {"state", state_of(info)}};
    if (!info.is_current) {
      entry["held_by"] = nlohmann::ordered_json::array();
      for (const auto& holder : info.holders) {
        reply.lines.push_back(line_of(holder));
        entry["held_by"].push_back(json_of(holder));
      }
      const size_t more = info.in_flight - std::min(info.in_flight, info.holders.size());
      if (more > 0) reply.lines.push_back(concat({"  and ", std::to_string(more), " more"}));
    }
    reply.data["generations"].push_back(std::move(entry));
  }
  return reply;
}

}  // namespace

Outcome generation_list(lifecycle::Server& server, OnReply on_reply) {
  return {.wait = server.ask_generations(
              [on_reply = std::move(on_reply)](const std::vector<GenerationInfo>& infos) {
                on_reply(report(infos));
              })};
}

}  // namespace sluice::admin
