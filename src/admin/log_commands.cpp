// What the log has: its level.
#include <sluice/base/text.h>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

Reply reply_with(std::string_view level) {
  Reply reply;
  reply.ok = concat({"level=", level});
  reply.data["level"] = level;
  return reply;
}

}  // namespace

CommandResult log_level(Context& context, const Command& command, OnReply) {
  const auto level = context.server->log_level();
  if (!level) return refuse({.code = ErrorCode::failed, .message = "the log's settings are fixed here"});
  if (command.words.size() == 2) return now(reply_with(name(*level)));
  const std::string& wanted = command.words[2];
  const auto found = sluice::log_level(wanted);
  if (!found) {
    return refuse_usage(concat({"expected debug, info, warning or error, got \"", wanted, "\""}));
  }
  if (context.draft) return refuse_usage("log level cannot stand between begin and commit");
  context.server->set_log_level(*found);
  return now(reply_with(wanted));
}

}  // namespace sluice::admin
