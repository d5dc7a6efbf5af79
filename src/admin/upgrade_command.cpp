// upgrade: a takeover by a new process.
#include <utility>

#include "admin/commands.h"

namespace sluice::admin {

Outcome upgrade(Context& context, const Command& command, OnReply on_reply) {
  if (context.draft) return refuse_usage("upgrade cannot stand between begin and commit");
  if (context.handover == nullptr) return refuse_usage("there are no upgrades here");
  auto wait = context.handover->upgrade(std::string(command.option("--binary")),
                                        [on_reply = std::move(on_reply)](Result<int> new_process) {
                                          if (!new_process) {
                                            return on_reply(Reply::failed(std::move(new_process).error()));
                                          }
                                          Reply reply;
                                          reply.ok = "pid=" + std::to_string(*new_process);
                                          reply.data["pid"] = *new_process;
                                          on_reply(reply);
                                        });
  if (!wait) return refuse(std::move(wait).error());
  return {.wait = *std::move(wait)};
}

}  // namespace sluice::admin
