// The configuration: shown, checked, held against its file, read again.
#include <sluice/base/text.h>
#include <sluice/config/diff.h>
#include <sluice/config/load.h>
#include <sluice/config/share.h>
#include <sluice/control/load_config.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {

Reply config_show(const control::Server& server) {
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
  const auto loaded = control::load_config(path, config::FileKind::regular);
  if (const auto* problems = std::get_if<config::Problems>(&loaded))
    return Reply::failed(config::as_error(*problems));
  Reply reply;
  reply.ok = concat({"file=", path});
  reply.data["file"] = path;
  return reply;
}

/// The file against the running state, which differ by what a reload would do and by what the admin changed.
Reply config_diff(const control::Server& server, const std::string& path) {
  auto loaded = control::load_config(path, config::FileKind::regular);
  if (const auto* problems = std::get_if<config::Problems>(&loaded))
    return Reply::failed(config::as_error(*problems));
  auto& file = std::get<config::Config>(loaded);
  config::share_unchanged(file, server.config());
  desired::DesiredState next = server.desired();
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

CommandResult reload(Context& context, const Command& command, OnReply on_reply) {
  using AdminChanges = control::Server::AdminChanges;
  if (context.draft) return refuse_usage("reload cannot stand between begin and commit");
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  control::Server& server = *context.server;
  auto change = server.reload(command.has("--reset") ? AdminChanges::drop : AdminChanges::keep, *revision);
  if (!change) return refuse(std::move(change).error());
  return when_adopted(server, *std::move(change), std::move(on_reply));
}

std::vector<std::string> change_lines(const desired::DesiredState& desired) {
  std::vector<std::string> lines;
  for (const auto& [change, cause] : desired.describe()) {
    lines.push_back(cause.empty() ? change : change + field("does_not_apply", cause));
  }
  return lines;
}

json::Value changes_json(const desired::DesiredState& desired) {
  auto list = json::Value::array();
  for (const auto& [key, change] : desired.changes().backends) {
    list.push_back({{"pool", key.first},
                    {"address", key.second.text()},
                    {"change", desired::words(key, change)},
                    {"does_not_apply", desired.inactive_reason(key)}});
  }
  for (const auto& [route, split] : desired.changes().routes) {
    list.push_back({{"route", route},
                    {"change", desired::words(route, split)},
                    {"does_not_apply", desired.inactive_reason(route)}});
  }
  for (const auto& [pool, pause] : desired.changes().pauses) {
    list.push_back({{"pool", pool}, {"change", desired::words(pool, pause)}, {"does_not_apply", ""}});
  }
  return list;
}

}  // namespace sluice::admin
