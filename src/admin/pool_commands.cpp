// pool pause and pool resume.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"
#include "admin/drain_report.h"

namespace sluice::admin {
namespace {

using control::Server;
using desired::PauseEdit;

Result<PauseEdit> parse_pause_edit(const Server& server, const Command& command) {
  PauseEdit edit{.pool = command.words[2]};
  if (command.words[1] == "resume") return edit;
  edit.pause.emplace();
  if (!command.has("--for")) return edit;
  const auto time = config::parse_duration(command.option("--for"));
  if (!time) return Error{.code = ErrorCode::usage, .message = time.error().message};
  edit.pause->until = server.now() + *time;
  return edit;
}

BackendStates states(const Server& server, const std::string& pool) {
  BackendStates states;
  for (const auto& info : server.backends(pool)) states.push_back(info.state);
  return states;
}

Error resumed(const Deeds& deeds, uint64_t made, const PauseEdit& edit) {
  const std::string by_whom = deeds.by_whom(made, edit.pool);
  const bool timed = edit.pause && edit.pause->until;
  return {.code = ErrorCode::conflict,
          .message = concat(
              {"the pool was resumed meanwhile, ", by_whom, timed ? ", unless its time was over" : ""})};
}

/// Like a drain a barrier: every worker holds new requests, and nothing is in flight any more.
CommandResult when_quiet(Server& server, Server::Change change, const PauseEdit& edit, Duration bound,
                         const std::shared_ptr<Deeds>& deeds, OnReply on_reply) {
  const uint64_t made = change.generation;
  const auto is_over = [&server, pool = edit.pool] {
    if (!server.desired().pause(pool)) return true;
    return server.is_adopted(server.generation()) && server.predecessors().draining() == 0 &&
           in_flight(states(server, pool)) == 0;
  };
  Wait wait = when_over(
      server, bound, is_over, [&server, pool = edit.pool] { return states(server, pool); },
      [&server, change, edit, deeds, is_over, on_reply = std::move(on_reply)](const proxy::BackendUse& use) {
        if (!server.desired().pause(edit.pool)) {
          return on_reply(Reply::failed(resumed(*deeds, change.generation, edit)));
        }
        if (is_over()) return on_reply(done(change));
        on_reply(still_in_flight(server,
                                 {.so_far = "the pool is paused", .cuts_nothing = "a pause cuts none"},
                                 states(server, edit.pool), use));
      });
  return {.wait = std::move(wait), .made = made};
}

}  // namespace

CommandResult pool_change(Context& context, const Command& command, OnReply on_reply) {
  Server& server = *context.server;
  auto edit = parse_pause_edit(server, command);
  if (!edit) return refuse(std::move(edit).error());
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  const bool waits = command.has("--wait");
  if (context.draft && waits) return refuse_usage("--wait cannot stand between begin and commit");
  if (context.draft) return add_to_draft(context, *std::move(edit), *revision);
  const auto bound = waits ? config::parse_duration(command.option("--wait")) : Duration{};
  if (!bound) return refuse_usage(bound.error().message);
  auto change = server.change([&](desired::DesiredState& state) { return state.apply(*edit); }, *revision);
  if (!change) return refuse(std::move(change).error());
  if (!waits) return when_adopted(server, *std::move(change), std::move(on_reply));
  return when_quiet(server, *std::move(change), *edit, *bound, context.deeds, std::move(on_reply));
}

std::string pause_words(const Server& server, const std::string& pool) {
  const auto pause = server.desired().pause(pool);
  if (!pause) return "";
  if (!pause->until) return " paused";
  const auto left = std::max(*pause->until - server.now(), Duration::zero());
  return concat({" paused for=", config::duration_text(left)});
}

json::Value pause_json(const Server& server, const std::string& pool) {
  const auto pause = server.desired().pause(pool);
  if (!pause) return nullptr;
  json::Value json = {{"left_ms", nullptr}};
  if (pause->until) json["left_ms"] = (*pause->until - server.now()).count();
  return json;
}

}  // namespace sluice::admin
