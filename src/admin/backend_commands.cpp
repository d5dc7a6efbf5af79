// backend add, remove, drain, ready and weight.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <algorithm>
#include <utility>

#include "admin/commands.h"
#include "admin/drain_report.h"

namespace sluice::admin {
namespace {

using control::Server;
using desired::BackendEdit;

BackendEdit::Verb verb_of(std::string_view word) {
  using Verb = BackendEdit::Verb;
  if (word == "add") return Verb::add;
  if (word == "remove") return Verb::remove;
  if (word == "drain") return Verb::drain;
  return word == "ready" ? Verb::ready : Verb::weight;
}

/// What the command asks of the desired state.
Result<BackendEdit> parse_backend_edit(const Command& command) {
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
    if (!weight) return usage("expected a weight from 0 to 1000");
    backend.weight = static_cast<uint32_t>(std::min<uint64_t>(*weight, UINT32_MAX));
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

/// A change whose outcome is waited for.
struct Awaited {
  BackendEdit edit;
  Server::Change change;
  std::shared_ptr<upstream::BackendState> state;  // null: there is none
  std::shared_ptr<Deeds> deeds;
};

/// Another command has undone it: what is waited for will not come, or would be another's doing.
bool is_undone(const Server& server, const BackendEdit& edit) {
  const auto backend = server.desired().backend(edit.key);
  switch (edit.verb) {
    case BackendEdit::Verb::remove:
      return backend.has_value();
    case BackendEdit::Verb::drain:
      return backend && !backend->drain;  // To be removed is more than a drain.
    case BackendEdit::Verb::add:
    case BackendEdit::Verb::ready:
    case BackendEdit::Verb::weight:
      break;
  }
  return !backend || backend->drain;
}

/// What another process has changed before this one took over, and is still to be waited for.
Result<std::optional<Server::Change>> made_before(const Server& server, const Command& command,
                                                  const BackendEdit& edit) {
  if (!command.has("--made")) return std::optional<Server::Change>();
  const auto number = parse_unsigned(command.option("--made"));
  if (!number || !command.has("--wait")) {
    return Error{.code = ErrorCode::usage,
                 .message = "expected the number of a generation behind --made, and --wait TIME"};
  }
  if (!is_undone(server, edit)) return std::optional(Server::Change{.generation = *number});
  return Error{.code = ErrorCode::conflict,
               .message = concat({"generation ", std::to_string(*number),
                                  " was made, but what it did was undone meanwhile"})};
}

Error undone(const Awaited& awaited) {
  return {.code = ErrorCode::conflict,
          .message = concat({"generation ", std::to_string(awaited.change.generation),
                             " was made, but what it did was undone meanwhile, ",
                             awaited.deeds->by_whom(awaited.change.generation, awaited.edit.key)})};
}

/// A drain is a barrier: every worker has taken a generation without it, and nothing is in flight to it any
/// more. The newest generation, since the drain may have been undone and done again between two looks.
CommandResult when_empty(Server& server, Awaited awaited, Duration bound, OnReply on_reply) {
  const uint64_t made = awaited.change.generation;
  const auto is_over = [&server, awaited] {
    if (is_undone(server, awaited.edit)) return true;
    // Earlier processes that still drain know nothing of the change.
    return server.is_adopted(server.generation()) && server.predecessors().draining() == 0 &&
           (!awaited.state || awaited.state->in_flight() == 0);
  };
  const BackendStates backends(awaited.state ? 1 : 0, awaited.state);
  Wait wait = when_over(
      server, bound, is_over, [backends] { return backends; },
      [&server, awaited, backends, is_over, on_reply = std::move(on_reply)](const proxy::BackendUse& use) {
        if (is_undone(server, awaited.edit)) return on_reply(Reply::failed(undone(awaited)));
        if (is_over()) return on_reply(done(awaited.change));
        on_reply(still_in_flight(
            server,
            {.so_far = "it gets nothing new", .cuts_nothing = "nothing cuts: timeouts.tunnel_drain is 0s"},
            backends, use));
      });
  return {.wait = std::move(wait), .made = made, .can_go_on = true};
}

CommandResult when_healthy(Server& server, Awaited awaited, Duration bound, OnReply on_reply) {
  const uint64_t made = awaited.change.generation;
  // One that was removed and added again is another one.
  const auto is_over = [&server, edit = awaited.edit, state = awaited.state] {
    return is_undone(server, edit) || server.backend_state(edit.key.first, edit.key.second) != state;
  };
  Wait wait = server.when(
      [&server, awaited, is_over] {
        if (is_over()) return true;
        return server.is_adopted(server.generation()) &&
               awaited.state->health() == upstream::HealthState::healthy;
      },
      bound,
      [awaited, is_over, on_reply = std::move(on_reply)](bool healthy) {
        if (is_over()) return on_reply(Reply::failed(undone(awaited)));
        if (healthy) return on_reply(done(awaited.change));
        on_reply(Reply::failed(
            {.code = ErrorCode::timed_out,
             .message = concat(
                 {"it is in the pool, but ", upstream::name(awaited.state->health()), " and not healthy"})}));
      });
  return {.wait = std::move(wait), .made = made, .can_go_on = true};
}

/// To add a backend that is there leaves its drain alone.
OnReply add_note(bool is_drained, OnReply on_reply) {
  if (!is_drained) return on_reply;
  return [on_reply = std::move(on_reply)](const Reply& reply) {
    Reply noted = reply;
    noted.ok += " draining";
    noted.data["draining"] = true;
    on_reply(noted);
  };
}

}  // namespace

CommandResult backend_change(Context& context, const Command& command, OnReply on_reply) {
  Server& server = *context.server;
  auto edit = parse_backend_edit(command);
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
  auto made = made_before(server, command, *edit);
  if (!made) return refuse(std::move(made).error());
  auto change =
      *made ? Result<Server::Change>(**made)
            : server.change([&](desired::DesiredState& state) { return state.apply(*edit); }, *revision);
  if (!change) return refuse(std::move(change).error());
  if (edit->verb == BackendEdit::Verb::ready && !*made) server.forget_traffic_verdicts(edit->key);
  if (!command.has("--wait")) {
    const bool is_drained = edit->verb == BackendEdit::Verb::add && is_undone(server, *edit);
    return when_adopted(server, *std::move(change), add_note(is_drained, std::move(on_reply)));
  }
  if (edit->verb == BackendEdit::Verb::add && is_undone(server, *edit)) {
    return refuse({.code = ErrorCode::conflict,
                   .message = concat({"generation ", std::to_string(change->generation),
                                      ": it is in the pool, but drained; `backend ready` undoes that"})});
  }
  Awaited awaited{.edit = *edit,
                  .change = *std::move(change),
                  .state = server.backend_state(edit->key.first, edit->key.second),
                  .deeds = context.deeds};
  if (edit->verb == BackendEdit::Verb::add || edit->verb == BackendEdit::Verb::ready) {
    return when_healthy(server, std::move(awaited), bound, std::move(on_reply));
  }
  return when_empty(server, std::move(awaited), bound, std::move(on_reply));
}

}  // namespace sluice::admin
