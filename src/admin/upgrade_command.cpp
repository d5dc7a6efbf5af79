// upgrade: a takeover by a new process, and how its probation ends.
#include <sluice/base/log.h>
#include <sluice/base/text.h>
#include <sluice/config/load.h>
#include <sluice/net/process.h>

#include <unistd.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using takeover::Probation;

Reply pid_reply(Result<int> process) {
  if (!process) return Reply::failed(std::move(process).error());
  Reply reply;
  reply.ok = "pid=" + std::to_string(*process);
  reply.data["pid"] = *process;
  return reply;
}

/// A process of a release that does not say what file it runs leaves that out.
std::string words_of(const takeover::Handover::NewProcess& process, const std::string& prefix) {
  const std::string words = concat(
      {prefix, "pid=", std::to_string(process.process), field(concat({prefix, "version"}), process.version)});
  return process.binary.empty() ? words : words + field(concat({prefix, "binary"}), process.binary);
}

json::Value json_of(const takeover::Handover::NewProcess& process) {
  json::Value json = {{"pid", process.process}, {"version", process.version}};
  if (!process.binary.empty()) json["binary"] = process.binary;
  return json;
}

/// Both processes: so that one that runs another file than was meant is seen.
Reply upgrade_reply(Result<takeover::Handover::NewProcess> next) {
  if (!next) return Reply::failed(std::move(next).error());
  const takeover::Handover::NewProcess here{::getpid(), SLUICE_VERSION, net::binary_of_this_process()};
  Reply reply;
  reply.ok = concat({words_of(*next, ""), " ", words_of(here, "was_")});
  reply.data = json_of(*next);
  reply.data["was"] = json_of(here);
  return reply;
}

Error no_probation() {
  return {.code = ErrorCode::conflict, .message = "this process is not on probation"};
}

CommandResult go_back(Probation& probation, OnReply on_reply) {
  auto wait = probation.roll_back(
      "asked for by command",
      [on_reply = std::move(on_reply)](Result<int> process) { on_reply(pid_reply(std::move(process))); });
  if (!wait) return refuse(std::move(wait).error());
  return {.wait = *std::move(wait)};
}

CommandResult keep(Probation& probation) {
  if (auto kept = probation.keep(); !kept) return refuse(std::move(kept).error());
  return now({.ok = "kept"});
}

json::Value json_of(const takeover::ErrorRate& figures) {
  return {{"answers", figures.answers}, {"failures", figures.failures}};
}

}  // namespace

CommandResult upgrade(Context& context, const Command& command, OnReply on_reply) {
  if (context.draft) return refuse_usage("upgrade cannot stand between begin and commit");
  if (context.handover == nullptr) return refuse_usage("there are no upgrades here");
  const bool ends_probation = command.has("--back") || command.has("--keep");
  if (ends_probation) {
    if (command.options.size() > (command.json ? 2 : 1)) {
      return refuse_usage("--back and --keep stand alone");
    }
    if (context.probation == nullptr) return refuse(no_probation());
    if (command.has("--keep")) return keep(*context.probation);
    return go_back(*context.probation, std::move(on_reply));
  }
  std::optional<Duration> for_verdict;
  if (command.has("--wait")) {
    auto wait = config::parse_duration(command.option("--wait"));
    if (!wait) return refuse(std::move(wait).error());
    for_verdict = *wait;
  }
  auto wait = context.handover->upgrade(
      std::string(command.option("--binary")), for_verdict,
      [on_reply = std::move(on_reply)](auto next) { on_reply(upgrade_reply(std::move(next))); });
  if (!wait) return refuse(std::move(wait).error());
  return {.wait = *std::move(wait), .waits_for_verdict = for_verdict.has_value()};
}

void add_probation(const Context& context, Reply& reply) {
  const auto info = context.probation != nullptr ? context.probation->info() : std::nullopt;
  if (!info) return;
  reply.lines.push_back("probation" + field("left", config::duration_text(info->left)) + words(info->now) +
                        words(info->before, "before_"));
  reply.data["probation"] = {
      {"left_ms", info->left.count()}, {"now", json_of(info->now)}, {"before", json_of(info->before)}};
}

}  // namespace sluice::admin
