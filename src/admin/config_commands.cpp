// The configuration: shown, checked, held against its file, read again.
#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/load.h>
#include <sluice/config/share.h>
#include <sluice/lifecycle/load_config.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {

Reply config_show(const lifecycle::Server& server) {
  std::string toml = config::to_toml(server.config());
  const auto changes = change_lines(server.desired());
  if (!changes.empty()) toml += "\n# Admin changes in it, which `reload --reset` drops:\n";
  for (const auto& change : changes) toml += concat({"# ", change, "\n"});
  Reply reply;
  size_t begin = 0;
  while (begin < toml.size()) {
    const size_t end = toml.find('\n', begin);
    reply.lines.push_back(toml.substr(begin, end - begin));
    begin = end + 1;
  }
  reply.data["toml"] = toml;
  reply.data["admin_changes"] = changes_json(server.desired());
  return reply;
}

Reply config_check(const std::string& path) {
  const auto loaded = lifecycle::load_config(path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded))
    return Reply::failed(config::as_error(*problems));
  Reply reply;
  reply.ok = concat({"file=", path});
  reply.data["file"] = path;
  return reply;
}

/// The file against the running state, which differ by what a reload would do and by what the admin changed.
Reply config_diff(const lifecycle::Server& server, const std::string& path) {
  auto loaded = lifecycle::load_config(path);
  if (const auto* problems = std::get_if<config::Problems>(&loaded))
    return Reply::failed(config::as_error(*problems));
  auto& file = std::get<config::Config>(loaded);
  config::share_unchanged(file, server.config());
  lifecycle::DesiredState next = server.desired();
  next.replace_file(std::move(file));
  const auto unread = config::differences(server.config(), next.effective());
  const auto changes = change_lines(next);
  Reply reply;
  reply.lines = unread;
  for (const auto& change : changes) reply.lines.push_back(concat({"admin ", change}));
  reply.ok = concat({"reload=", std::to_string(unread.size()), " admin=", std::to_string(changes.size())});
  reply.data = {{"reload", unread}, {"admin_changes", changes_json(next)}};
  return reply;
}

Outcome reload(Context& context, const Command& command, OnReply on_reply) {
  using AdminChanges = lifecycle::Server::AdminChanges;
  if (context.draft) return refuse_usage("reload cannot stand between begin and commit");
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  lifecycle::Server& server = *context.server;
  auto change = server.reload(command.has("--reset") ? AdminChanges::drop : AdminChanges::keep, *revision);
  if (!change) return refuse(std::move(change).error());
  return when_adopted(server, *std::move(change), std::move(on_reply));
}

std::vector<std::string> change_lines(const lifecycle::DesiredState& desired) {
  std::vector<std::string> lines;
  for (const auto& [change, cause] : desired.told()) {
    lines.push_back(cause.empty() ? change : change + field("does_not_apply", cause));
  }
  return lines;
}

nlohmann::ordered_json changes_json(const lifecycle::DesiredState& desired) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [key, change] : desired.changes().backends) {
    list.push_back({{"pool", key.first},
                    {"address", key.second.text()},
                    {"change", lifecycle::words(key, change)},
                    {"does_not_apply", desired.waits_for(key)}});
  }
  for (const auto& [route, split] : desired.changes().routes) {
    list.push_back({{"route", route},
                    {"change", lifecycle::words(route, split)},
                    {"does_not_apply", desired.waits_for(route)}});
  }
  for (const auto& [pool, pause] : desired.changes().pauses) {
    list.push_back({{"pool", pool}, {"change", lifecycle::words(pool, pause)}, {"does_not_apply", ""}});
  }
  return list;
}

}  // namespace sluice::admin
