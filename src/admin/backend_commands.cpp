// backend add, remove, drain, ready and weight.
#include <sluice/base/text.h>
#include <sluice/config/load.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {
namespace {

using lifecycle::DesiredState;
using lifecycle::Server;

Outcome refuse(Error error) {
  return {.reply = Reply::failed(std::move(error))};
}

Error usage(std::string message) {
  return {.code = ErrorCode::usage, .message = std::move(message)};
}

Result<uint32_t> parse_weight(std::string_view text) {
  const auto weight = parse_unsigned(text);
  if (!weight || *weight < 1 || *weight > 1000) return usage("expected a weight from 1 to 1000");
  return static_cast<uint32_t>(*weight);
}

/// The options that mean something to each verb.
bool takes(std::string_view verb, std::string_view option) {
  if (option == "--wait") return verb != "weight";
  return verb == "add" && (option == "--weight" || option == "--version");
}

/// It is in the pool and gets requests once it is healthy.
bool is_wanted(const Server& server, const upstream::BackendState& state) {
  for (const auto& info : server.backends(state.pool())) {
    if (info.state.get() == &state) return !info.backend.drain;
  }
  return false;
}

/// What the command does to the desired state.
Result<bool> edit(DesiredState& state, const Command& command, const Address& address) {
  const std::string& verb = command.words[1];
  const std::string& pool = command.words[2];
  if (verb == "remove") return state.remove_backend(pool, address);
  if (verb == "drain") return state.drain_backend(pool, address);
  if (verb == "ready") return state.ready_backend(pool, address);
  if (verb == "weight") {
    auto weight = parse_weight(command.words[4]);
    if (!weight) return std::move(weight).error();
    return state.set_weight(pool, address, *weight);
  }
  std::optional<uint32_t> weight;
  if (command.has("--weight")) {
    auto parsed = parse_weight(command.option("--weight"));
    if (!parsed) return std::move(parsed).error();
    weight = *parsed;
  }
  std::optional<std::string> version;
  if (command.has("--version")) version = std::string(command.option("--version"));
  return state.add_backend(pool, address, weight, std::move(version));
}

Reply done(Server::Change change) {
  Reply reply;
  reply.ok = concat({"generation=", std::to_string(change.generation), change.changed ? "" : " unchanged"});
  reply.data["generation"] = change.generation;
  reply.data["changed"] = change.changed;
  return reply;
}

/// A drain is a barrier: every worker has taken the generation without it, and nothing is in flight to it any
/// more.
Outcome when_empty(Server& server, Server::Change change, std::shared_ptr<upstream::BackendState> state,
                   Duration bound, OnReply on_reply) {
  Wait wait = server.when(
      [&server, change, state] {
        return server.is_adopted(change.generation) && (!state || state->in_flight() == 0);
      },
      bound,
      [change, state, on_reply = std::move(on_reply)](bool empty) {
        if (empty) return on_reply(done(change));
        const std::string left = std::to_string(state ? state->in_flight() : 0);
        on_reply(Reply::failed(
            {.code = ErrorCode::timed_out,
             .message = concat({"it gets nothing new, but ", left, " requests are still in flight"})}));
      });
  return {.wait = std::move(wait)};
}

Outcome when_healthy(Server& server, Server::Change change, std::shared_ptr<upstream::BackendState> state,
                     Duration bound, OnReply on_reply) {
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
  return {.wait = std::move(wait)};
}

}  // namespace

Outcome backend_change(Server& server, const Command& command, OnReply on_reply) {
  for (const auto option : {"--drain", "--now", "--if-revision"}) {
    if (command.has(option))
      return refuse(usage(concat({option, " is not available in this version of Sluice"})));
  }
  const std::string& verb = command.words[1];
  for (const auto option : {"--wait", "--weight", "--version", "--reset"}) {
    if (command.has(option) && !takes(verb, option)) {
      return refuse(usage(concat({"backend ", verb, " takes no ", option})));
    }
  }
  auto address = Address::parse(command.words[3]);
  if (!address) return refuse(usage(address.error().message));
  if (!address->is_local() && address->port() == 0) return refuse(usage("a backend's port cannot be 0"));
  Duration bound{};
  if (command.has("--wait")) {
    auto wait = config::parse_duration(command.option("--wait"));
    if (!wait) return refuse(usage(wait.error().message));
    bound = *wait;
  }
  const std::string& pool = command.words[2];
  auto change = server.change([&](DesiredState& state) { return edit(state, command, *address); });
  if (!change) return refuse(std::move(change).error());
  if (!command.has("--wait")) return when_adopted(server, *change, std::move(on_reply));
  if (verb == "add" || verb == "ready") {
    return when_healthy(server, *change, server.backend_state(pool, *address), bound, std::move(on_reply));
  }
  return when_empty(server, *change, server.backend_state(pool, *address), bound, std::move(on_reply));
}

}  // namespace sluice::admin
