// What each command does.
#pragma once

#include <sluice/base/wait.h>
#include <sluice/lifecycle/server.h>

#include <functional>
#include <optional>
#include <string>

#include "admin/command.h"
#include "admin/reply.h"

namespace sluice::admin {

struct Context {
  lifecycle::Server* server = nullptr;  ///< nullptr while the process starts
  std::string config_path;
};

using OnReply = std::function<void(const Reply&)>;

/// A reply at once, or a wait that ends in OnReply.
struct Outcome {
  std::optional<Reply> reply{};
  Wait wait{};
};

Outcome execute(Context& context, const Command& command, OnReply on_reply);

// The families of commands, by file.
Reply status(lifecycle::Server& server);
Reply generation_list(lifecycle::Server& server);
Reply pool_list(lifecycle::Server& server);
Reply backend_list(lifecycle::Server& server, std::string_view pool);
Outcome backend_change(lifecycle::Server& server, const Command& command, OnReply on_reply);
Outcome reload(lifecycle::Server& server, const Command& command, OnReply on_reply);

/// The reply once every worker has taken the change's generation as its newest.
Outcome when_adopted(lifecycle::Server& server, lifecycle::Server::Change change, OnReply on_reply);

}  // namespace sluice::admin
