// pool pause and pool resume.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using lifecycle::PauseEdit;
using lifecycle::Server;

Result<PauseEdit> parse_edit(const Server& server, const Command& command) {
  PauseEdit edit{.pool = command.words[2]};
  if (command.words[1] == "resume") return edit;
  edit.pause.emplace();
  if (!command.has("--for")) return edit;
  const auto time = config::parse_duration(command.option("--for"));
  if (!time) return Error{.code = ErrorCode::usage, .message = time.error().message};
  edit.pause->until = server.now() + *time;
  return edit;
}

size_t in_flight(const Server& server, const std::string& pool) {
  size_t sum = 0;
  for (const auto& info : server.backends(pool)) sum += info.state->in_flight();
  return sum;
}

/// Like a drain a barrier: every worker holds new requests, and nothing is in flight any more.
Outcome when_quiet(Server& server, Server::Change change, const std::string& pool, Duration bound,
                   OnReply on_reply) {
  const uint64_t made = change.generation;
  Wait wait = server.when(
      [&server, change, pool] {
        return server.is_adopted(change.generation) && server.predecessors().draining() == 0 &&
               in_flight(server, pool) == 0;
      },
      bound,
      [&server, change, pool, on_reply = std::move(on_reply)](bool quiet) {
        if (quiet && server.desired().pause(pool)) return on_reply(done(change));
        if (quiet) {
          return on_reply(Reply::failed(
              {.code = ErrorCode::conflict, .message = "it was resumed, or its time was over, meanwhile"}));
        }
        const std::string left = std::to_string(in_flight(server, pool));
        const std::string why = server.predecessors().draining() > 0
                                    ? "a process from before the last upgrade still drains"
                                    : concat({left, " requests are still in flight"});
        on_reply(Reply::failed(
            {.code = ErrorCode::timed_out, .message = concat({"the pool is paused, but ", why})}));
      });
  return {.wait = std::move(wait), .made = made};
}

}  // namespace

Outcome pool_change(Context& context, const Command& command, OnReply on_reply) {
  Server& server = *context.server;
  auto edit = parse_edit(server, command);
  if (!edit) return refuse(std::move(edit).error());
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  const bool waits = command.has("--wait");
  if (context.draft && waits) return refuse_usage("--wait cannot stand between begin and commit");
  if (context.draft) return add_to_draft(context, *std::move(edit), *revision);
  const auto bound = waits ? config::parse_duration(command.option("--wait")) : Duration{};
  if (!bound) return refuse_usage(bound.error().message);
  auto change = server.change([&](lifecycle::DesiredState& state) { return state.apply(*edit); }, *revision);
  if (!change) return refuse(std::move(change).error());
  if (!waits) return when_adopted(server, *std::move(change), std::move(on_reply));
  return when_quiet(server, *std::move(change), edit->pool, *bound, std::move(on_reply));
}

std::string pause_words(const Server& server, const std::string& pool) {
  const auto pause = server.desired().pause(pool);
  if (!pause) return "";
  if (!pause->until) return " paused";
  const auto left = std::max(*pause->until - server.now(), Duration::zero());
  return concat({" paused for=", config::duration_text(left)});
}

nlohmann::ordered_json pause_json(const Server& server, const std::string& pool) {
  const auto pause = server.desired().pause(pool);
  if (!pause) return nullptr;
  nlohmann::ordered_json json = {{"left_ms", nullptr}};
  if (pause->until) json["left_ms"] = (*pause->until - server.now()).count();
  return json;
}

}  // namespace sluice::admin
