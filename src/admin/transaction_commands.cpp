// begin, commit and abort.
#include <sluice/base/text.h>

#include <utility>

#include "admin/commands.h"

namespace sluice::admin {

CommandResult begin(Context& context, const Command& command, OnReply) {
  if (context.draft) return refuse_usage("a transaction has begun already: commit or abort it first");
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  if (auto same = context.server->check_revision(*revision); !same) return refuse(std::move(same).error());
  context.draft.emplace(
      Draft{.transaction = desired::Transaction(context.server->desired()), .revision = *revision});
  const uint64_t number = context.server->generation();
  Reply reply;
  reply.ok = concat({"generation=", std::to_string(number)});
  reply.data["generation"] = number;
  return now(std::move(reply));
}

CommandResult add_to_draft(Context& context, desired::Edit edit, Revision revision) {
  if (auto same = context.server->check_revision(revision); !same) return refuse(std::move(same).error());
  if (revision) context.draft->revision = revision;
  const auto changed = context.draft->transaction.add(std::move(edit));
  if (!changed) return refuse(changed.error());
  const size_t pending = context.draft->transaction.size();
  Reply reply;
  reply.ok = concat({"pending=", std::to_string(pending), *changed ? "" : " unchanged"});
  reply.data = {{"pending", pending}, {"changed", *changed}};
  return now(std::move(reply));
}

/// It ends the transaction, whatever comes of it.
CommandResult commit(Context& context, const Command& command, OnReply on_reply) {
  if (!context.draft) return refuse_usage("there is no transaction: begin starts one");
  const Draft draft = *std::exchange(context.draft, std::nullopt);
  if (!draft.failure.empty()) {
    return refuse(
        {.code = ErrorCode::failed,
         .message = concat({"nothing was changed: a command since begin failed: ", draft.failure})});
  }
  const auto revision = parse_revision(command);
  if (!revision) return refuse(revision.error());
  control::Server& server = *context.server;
  if (auto same = server.check_revision(draft.revision); !same) return refuse(std::move(same).error());
  auto change = server.change(
      [&](desired::DesiredState& state) { return draft.transaction.commit_to(state); }, *revision);
  if (!change) return refuse(std::move(change).error());
  for (const auto& edit : draft.transaction.edits()) {
    const auto* backend = std::get_if<desired::BackendEdit>(&edit);
    if (backend != nullptr && backend->verb == desired::BackendEdit::Verb::ready)
      server.forget_traffic_verdicts(backend->key);
  }
  return when_adopted(server, *std::move(change), std::move(on_reply));
}

CommandResult abort(Context& context, const Command&, OnReply) {
  if (!context.draft) return refuse_usage("there is no transaction: begin starts one");
  context.draft.reset();
  return now({.ok = "aborted"});
}

}  // namespace sluice::admin
