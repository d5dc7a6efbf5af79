// route list and route split.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using desired::RouteEdit;

/// Of "blue=90".
Result<config::PoolShare> parse_share(std::string_view text) {
  const auto equals = text.rfind('=');
  const auto weight =
      equals == std::string_view::npos ? std::nullopt : parse_unsigned(text.substr(equals + 1));
  if (!weight || equals == 0)
    return usage(concat({"expected POOL=WEIGHT such as blue=90, got \"", text, "\""}));
  return config::PoolShare{.pool = std::string(text.substr(0, equals)),
                           .weight = static_cast<uint32_t>(std::min<uint64_t>(*weight, UINT32_MAX))};
}

Result<RouteEdit> parse_split_edit(const Command& command) {
  RouteEdit edit{.route = command.words[2]};
  for (size_t i = 3; i < command.words.size(); ++i) {
    auto share = parse_share(command.words[i]);
    if (!share) return std::move(share).error();
    if (std::ranges::find(edit.split, share->pool, &config::PoolShare::pool) != edit.split.end()) {
      return usage(concat({"pool \"", share->pool, "\" is named twice"}));
    }
    edit.split.push_back(*std::move(share));
  }
  if (auto holds = config::check_split(edit.split); !holds) return std::move(holds).error();
  return edit;
}

std::string match_text(const config::FieldMatch& match) {
  return match.value ? concat({match.name, "=", *match.value}) : match.name;
}

json::Value match_json(const std::optional<config::FieldMatch>& match) {
  if (!match) return nullptr;
  json::Value json = {{"name", match->name}, {"value", nullptr}};
  if (match->value) json["value"] = *match->value;
  return json;
}

std::string route_line(const config::Route& route) {
  std::string line = route.name.empty() ? "-" : route.name;
  if (!route.host.empty()) line += field("host", route.host);
  line += field("path", route.path);
  if (route.header) line += field("header", match_text(*route.header));
  if (route.cookie) line += field("cookie", match_text(*route.cookie));
  if (route.redirect) return line + field("redirect", route.redirect->to);
  if (route.respond) return line + field("respond", static_cast<long long>(route.respond->status));
  return line + field("pool", config::shares_text(config::shares(route)));
}

json::Value route_json(const config::Route& route) {
  json::Value json = {{"name", route.name},
                      {"host", route.host},
                      {"path", route.path},
                      {"header", match_json(route.header)},
                      {"cookie", match_json(route.cookie)},
                      {"pools", json::Value::array()}};
  for (const auto& [pool, weight] : config::shares(route)) {
    json["pools"].push_back({{"pool", pool}, {"weight", weight}});
  }
  if (route.redirect) json["redirect"] = route.redirect->to;
  if (route.respond) json["respond"] = route.respond->status;
  return json;
}

}  // namespace

Reply route_list(const control::Server& server) {
  Reply reply;
  reply.data["routes"] = json::Value::array();
  for (const config::Route& route : server.config().routes) {
    reply.lines.push_back(route_line(route));
    reply.data["routes"].push_back(route_json(route));
  }
  return reply;
}

CommandResult route_split(Context& context, const Command& command, OnReply on_reply) {
  auto edit = parse_split_edit(command);
  if (!edit) return refuse(std::move(edit).error());
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  if (context.draft) return add_to_draft(context, *std::move(edit), *revision);
  control::Server& server = *context.server;
  auto change = server.change([&](desired::DesiredState& state) { return state.apply(*edit); }, *revision);
  if (!change) return refuse(std::move(change).error());
  return when_adopted(server, *std::move(change), std::move(on_reply));
}

}  // namespace sluice::admin
