// backend add, remove, drain, ready and weight.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using lifecycle::BackendEdit;
using lifecycle::Server;

BackendEdit::Verb verb_of(std::string_view word) {
  using Verb = BackendEdit::Verb;
  if (word == "add") return Verb::add;
  if (word == "remove") return Verb::remove;
  if (word == "drain") return Verb::drain;
  return word == "ready" ? Verb::ready : Verb::weight;
}

/// What the command asks of the desired state.
Result<BackendEdit> parse_edit(const Command& command) {
  const auto usage = [](std::string message) {
    return Error{.code = ErrorCode::usage, .message = std::move(message)};
  };
  BackendEdit edit{.verb = verb_of(command.words[1])};
  auto address = Address::parse(command.words[3]);
  if (!address) return usage(address.error().message);
  edit.key = {command.words[2], *std::move(address)};
  config::Backend backend{.address = edit.key.second};
  const bool is_weight = edit.verb == BackendEdit::Verb::weight;
  if (is_weight || command.has("--weight")) {
    const auto weight = parse_unsigned(is_weight ? command.words[4] : command.option("--weight"));
    backend.weight = static_cast<uint32_t>(std::min<uint64_t>(weight.value_or(0), UINT32_MAX));
    edit.weight = backend.weight;
  }
  if (command.has("--version")) edit.version = backend.version = command.option("--version");
  if (command.has("--zone")) edit.zone = backend.zone = command.option("--zone");
  if (command.has("--max-requests")) {
    const auto most = parse_unsigned(command.option("--max-requests"));
    if (!most) return usage("expected --max-requests NUMBER; 0: no bound");
    backend.max_requests = static_cast<uint32_t>(std::min<uint64_t>(*most, UINT32_MAX));
    edit.max_requests = backend.max_requests;
  }
  if (command.has("--priority")) {
    const auto priority = parse_unsigned(command.option("--priority"));
    if (!priority) return usage("expected a priority from 0 to 9");
    backend.priority = static_cast<uint8_t>(std::min<uint64_t>(*priority, UINT8_MAX));
    edit.priority = backend.priority;
  }
  if (auto holds = config::check_backend(backend); !holds) return std::move(holds).error();
  return edit;
}

/// It is in the pool and gets requests once it is healthy.
bool is_wanted(const Server& server, const upstream::BackendState& state) {
  for (const auto& info : server.backends(state.pool())) {
    if (info.state.get() == &state) return !info.backend.drain;
  }
  return false;
}

/// A drain is a barrier: every worker has taken the generation without it, and nothing is in flight to it any
/// more.
Outcome when_empty(Server& server, Server::Change change, std::shared_ptr<upstream::BackendState> state,
                   Duration bound, OnReply on_reply) {
  const uint64_t made = change.generation;
  Wait wait = server.when(
      [&server, change, state] {
        // Earlier processes that still drain know nothing of the change.
        return server.is_adopted(change.generation) && server.predecessors().draining() == 0 &&
               (!state || state->in_flight() == 0);
      },
      bound,
      [&server, change, state, on_reply = std::move(on_reply)](bool empty) {
        if (empty) return on_reply(done(change));
        if (server.predecessors().draining() > 0) {
          return on_reply(Reply::failed(
              {.code = ErrorCode::timed_out,
               .message = "it gets nothing new, but a process from before the last upgrade still drains"}));
        }
        const std::string left = std::to_string(state ? state->in_flight() : 0);
        on_reply(Reply::failed(
            {.code = ErrorCode::timed_out,
             .message = concat({"it gets nothing new, but ", left, " requests are still in flight"})}));
      });
  return {.wait = std::move(wait), .made = made};
}

Outcome when_healthy(Server& server, Server::Change change, std::shared_ptr<upstream::BackendState> state,
                     Duration bound, OnReply on_reply) {
  const uint64_t made = change.generation;
  Wait wait = server.when(
      [&server, change, state] {
        if (!is_wanted(server, *state)) return true;  // It is over, too.
        return server.is_adopted(change.generation) && state->health() == upstream::HealthState::healthy;
      },
      bound,
      [&server, change, state, on_reply = std::move(on_reply)](bool healthy) {
        if (!is_wanted(server, *state)) {
          return on_reply(Reply::failed({.code = ErrorCode::conflict,
                                         .message = "another command has drained or removed it meanwhile"}));
        }
        if (healthy) return on_reply(done(change));
        on_reply(Reply::failed({.code = ErrorCode::timed_out,
                                .message = concat({"it is in the pool, but ", upstream::name(state->health()),
                                                   " and not healthy"})}));
      });
  return {.wait = std::move(wait), .made = made};
}

}  // namespace

Outcome backend_change(Context& context, const Command& command, OnReply on_reply) {
  Server& server = *context.server;
  auto edit = parse_edit(command);
  if (!edit) return refuse(std::move(edit).error());
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  if (context.draft && command.has("--wait")) {
    return refuse_usage("--wait cannot stand between begin and commit");
  }
  if (context.draft) return add_to_draft(context, *std::move(edit), *revision);
  Duration bound{};
  if (command.has("--wait")) {
    auto wait = config::parse_duration(command.option("--wait"));
    if (!wait) return refuse_usage(wait.error().message);
    bound = *wait;
  }
  auto change = server.change([&](lifecycle::DesiredState& state) { return state.apply(*edit); }, *revision);
  if (!change) return refuse(std::move(change).error());
  if (edit->verb == BackendEdit::Verb::ready) server.clear(edit->key);
  if (!command.has("--wait")) return when_adopted(server, *std::move(change), std::move(on_reply));
  auto state = server.backend_state(edit->key.first, edit->key.second);
  if (edit->verb == BackendEdit::Verb::add || edit->verb == BackendEdit::Verb::ready) {
    return when_healthy(server, *std::move(change), std::move(state), bound, std::move(on_reply));
  }
  return when_empty(server, *std::move(change), std::move(state), bound, std::move(on_reply));
}

}  // namespace sluice::admin
